import Charts
import Display
import JSON

/// A report on runs as one self-contained HTML file, which needs no other files and no network.
public struct RunPage: Sendable {
  public let runs: [RunLog]

  public init(_ runs: [RunLog]) { self.runs = runs }

  public var html: String {
    let names = RunPlot.names(of: runs)
    let title = names.joined(separator: ", ")
    var page = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(SVG.escaped(title))</title>
      <style>
      \(String(decoding: PackageResources.report_css, as: UTF8.self))</style>
      </head>
      <body>
      <h1>\(SVG.escaped(title))</h1>

      """
    for run in runs {
      for problem in run.problems { page += "<p class=\"fault\">\(SVG.escaped("\(run.path): \(problem)"))</p>\n" }
    }
    page += RunPage.charts
    page += summary(names)
    if runs.count > 1 { page += comparison }
    for (run, name) in zip(runs, names) { page += details(run, runs.count > 1 ? "\(name): " : "") }
    // A text may contain "</script>".
    let data = RunPageData(runs: runs).json.compact.unicodeScalars.split(
      separator: "<", omittingEmptySubsequences: false)
    let json = data.map { String($0) }.joined(separator: "\\u003c")
    page += "<script id=\"data\" type=\"application/json\">\(json)</script>\n"
    page += "<script>\n\(String(decoding: PackageResources.report_js, as: UTF8.self))</script>\n"
    return page + "</body>\n</html>\n"
  }

  private static let charts = """
    <div id="controls">
    <label>over <select id="axis">
    <option value="steps">steps</option><option value="tokens">tokens</option>
    <option value="flops">operations</option><option value="time">time</option>
    </select></label>
    <label><input type="checkbox" id="logx"> logarithmic x</label>
    <label><input type="checkbox" id="logy"> logarithmic y</label>
    <label>smoothing <input type="range" id="smoothing" min="0" max="20" step="0.5" value="\(Smoothing.percent)"></label>
    <label><input type="checkbox" id="raw" checked> unsmoothed</label>
    <button id="reset" type="button" disabled>whole run</button>
    <span>drag across a chart to zoom, double-click to reset</span>
    </div>
    <div id="legend"></div>
    <div id="charts"></div>
    <noscript><p>The charts need JavaScript, which this file contains.</p></noscript>

    """

  /// The summary table, with one column per run.
  private func summary(_ names: [String]) -> String {
    var rows: [(name: String, cells: [String])] = []
    func add(_ name: String, _ cell: (RunLog) -> String?) {
      let cells = runs.map { cell($0) ?? "" }
      if cells.contains(where: { !$0.isEmpty }) { rows.append((name, cells)) }
    }
    add("log") { $0.path }
    add("steps") { "\($0.steps.last?.step ?? 0)" }
    add("tokens") { $0.tokens.map { "\($0)" } }
    add("training loss, last") { $0.steps.last.map { Quantity.fixed($0[.loss]) } }
    add("training loss, best") { run in
      run.steps.filter { $0[.loss].isFinite }.min { $0[.loss] < $1[.loss] }.map {
        "\(Quantity.fixed($0[.loss])) at step \($0.step)"
      }
    }
    for set in runs.reduce(into: [String](), { sets, run in sets += run.validationSets.filter { !sets.contains($0) } })
    {
      add("validation loss, \(set)") { run in
        run.validations.last { $0.set == set }.map { "\(Quantity.fixed($0.loss)) at step \($0.step)" }
      }
    }
    add("tokens per second") { LogSummary($0).tokensPerSecond.map { Quantity.short($0) } }
    add("training time") { $0.seconds.map { Quantity.duration($0) } }
    add("saving time") { $0.savingSeconds > 0 ? Quantity.duration($0.savingSeconds) : nil }
    add("floating-point operations") { run in
      run.flopsPerStep.map { Quantity.short($0 * Double(run.steps.last?.step ?? 0)) }
    }
    add("starts") { run in
      "\(run.starts.count)" + (run.resumes.isEmpty ? "" : ", resumed at step \(RunLog.list(run.resumes))")
    }
    add("skipped steps") { $0.skipped.isEmpty ? nil : "\($0.skipped.count)" }
    add("end") { $0.end ?? "not recorded" }
    let fields = runs.reduce(into: [String]()) { names, run in
      for field in run.starts.last?.object?.fields ?? [] where !names.contains(field.name) { names.append(field.name) }
    }
    for field in fields where !["event", "resumed_from_step"].contains(field) {
      add(field.replacing("_", with: " ")) { $0.starts.last?[field].map { $0.string ?? $0.compact } }
    }
    let head = ([""] + (runs.count > 1 ? names : [""])).map { "<th>\(SVG.escaped($0))</th>" }.joined()
    let lines = rows.map { row in
      "<tr><th>\(SVG.escaped(row.name))</th>\(row.cells.map { "<td>\(SVG.escaped($0))</td>" }.joined())</tr>"
    }
    let first = runs.count > 1 ? "<tr>\(head)</tr>\n" : ""
    return "<h2>Summary</h2>\n<div class=\"wide\"><table>\n\(first)\(lines.joined(separator: "\n"))\n</table></div>\n"
  }

  private var comparison: String {
    "<h2>Comparison with the first run</h2>\n<pre>\(SVG.escaped(LogComparison(runs).text))</pre>\n"
  }

  /// A run's warnings, skipped steps and configuration.
  private func details(_ run: RunLog, _ prefix: String) -> String {
    var text = ""
    func section(_ title: String, _ body: String) {
      text += "<h2>\(SVG.escaped(prefix + title))</h2>\n\(body)\n"
    }
    if !run.warnings.isEmpty {
      section("Warnings", run.warnings.map { "<p>\(SVG.escaped($0))</p>" }.joined(separator: "\n"))
    }
    if !run.skipped.isEmpty {
      let rows = run.skipped.suffix(1000).map { record in
        let cells = ["step", "reason", "loss", "gradient_norm"].map { record[$0].map { $0.string ?? $0.compact } ?? "" }
        return "<tr>\(cells.map { "<td>\(SVG.escaped($0))</td>" }.joined())</tr>"
      }
      let head = "<tr><th>step</th><th>reason</th><th>loss</th><th>gradient norm</th></tr>"
      section("Skipped steps", "<div class=\"wide\"><table>\n\(head)\n\(rows.joined(separator: "\n"))\n</table></div>")
    }
    if let configuration = run.configuration {
      let json = SVG.escaped(configuration.pretty)
      section("Configuration", "<details open><summary>config.json</summary>\n<pre>\(json)</pre></details>")
    }
    return text
  }
}
