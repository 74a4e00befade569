import ArgumentParser
import Charts
import Foundation
import Reports
import Storage

extension LogCommand {
  struct Plot: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Plot runs: charts as SVG or PNG, or a report as one HTML file.",
      discussion: """
        The HTML report contains every chart over every axis, and the runs' summaries, warnings and configurations. \
        --x, --y, --log-x, --log-y and --smooth apply to SVG and PNG only.
        """)

    @Argument(help: ArgumentHelp("Runs' folders, or their log.jsonl.", valueName: "run"))
    var paths: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write: .svg, .png or .html.", valueName: "file"))
    var output: String

    @Option(
      name: .customLong("y"), parsing: .upToNextOption,
      help: ArgumentHelp("The measures to plot, one chart each, or all.", valueName: "measures"))
    var measures: [String] = ["loss"]

    @OptionGroup var options: PlotOptions

    @Option(help: ArgumentHelp("Width of a chart.", valueName: "n"))
    var width = 720

    @Option(help: ArgumentHelp("Height of a chart.", valueName: "n"))
    var height = 400

    @Option(help: ArgumentHelp("Pixels of a PNG per unit of width.", valueName: "n"))
    var scale = 2.0

    func validate() throws {
      if Picture.Kind(path: output) == nil {
        throw ValidationError("--output \(output): expected a name that ends in .svg, .png or .html")
      }
      for (name, value) in [("width", width), ("height", height)] where !(200...10_000).contains(value) {
        throw ValidationError("--\(name) \(value): expected 200 to 10000")
      }
      if !(0.1...10).contains(scale) { throw ValidationError("--scale \(scale): expected 0.1 to 10") }
      for name in measures where name != "all" && RunMeasure(rawValue: name) == nil {
        let known = RunMeasure.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--y \(name): expected \(known), or all")
      }
    }

    func run() throws {
      let runs = try paths.map { try RunLog(path: $0) }
      for run in runs {
        for problem in run.problems { ErrorReport.warn("\(run.path): \(problem)") }
      }
      switch Picture.Kind(path: output) {
      case .html: try WholeFile.write(Array(RunPage(runs).html.utf8), to: output)
      case .png: try Picture.writePNG(try svg(runs), scale: scale, to: output)
      default: try WholeFile.write(Array(try svg(runs).utf8), to: output)
      }
    }

    private func svg(_ runs: [RunLog]) throws -> String {
      let plot = try options.plot(runs)
      let chosen = measures.contains("all") ? plot.measures : measures.compactMap { RunMeasure(rawValue: $0) }
      for measure in chosen where !runs.contains(where: { $0.has(measure) }) {
        throw ValidationError("--y \(measure.rawValue): not recorded in \(paths.joined(separator: ", "))")
      }
      if chosen.isEmpty {
        throw ValidationError("--y all: there is nothing to plot in \(paths.joined(separator: ", "))")
      }
      let charts = chosen.map { plot.chart($0) }
      let (width, height) = (Double(width), Double(height))
      if let chart = charts.first, charts.count == 1 { return chart.svg(width: width, height: height) }
      return ChartPage(charts, columns: 2).svg(width: width, height: height)
    }
  }
}
