import Display
import Foundation
import JSON

extension LogComparison {
  /// Lines for people: a paragraph for each thing compared, a line in it for each run.
  public var text: String {
    let names = RunPlot.names(of: runs)
    let width = (names.map(\.count).max() ?? 0) + 2
    func row(_ index: Int, _ cells: String) -> String {
      "  " + names[index] + String(repeating: " ", count: width - names[index].count) + cells
    }
    var paragraphs: [[String]] = [
      ["runs"]
        + runs.enumerated().map { index, run in
          let summary = LogSummary(run)
          let cells = [
            Quantity.count(run.steps.last?.step ?? 0, "step"), run.tokens.map { "\(Quantity.short($0)) tokens" },
            run.seconds.map { Quantity.duration($0) },
            summary.tokensPerSecond.map { "\(Quantity.short($0)) tokens/s" },
          ]
          return row(index, cells.compactMap { $0 }.joined(separator: ", "))
        }
    ]
    for meeting in meetings { paragraphs.append(paragraph(meeting, row)) }
    for (set, step, losses) in validations {
      let rows = losses.enumerated().map { index, loss in
        row(index, Quantity.fixed(loss) + (index == 0 ? "" : "   \(signed(loss - losses[0]))"))
      }
      paragraphs.append(["validation loss on \(set) at step \(step)"] + rows)
    }
    if let differingKeys {
      var lines = [differingKeys.isEmpty ? "the configurations are the same" : "configuration"]
      for (key, values) in differingKeys {
        lines.append("  \(key)")
        for (index, value) in values.enumerated() { lines.append("  " + row(index, value?.compact ?? "absent")) }
      }
      paragraphs.append(lines)
    } else {
      let without = zip(runs, names).filter { $0.0.configuration == nil }.map(\.1)
      paragraphs.append([
        "no config.json to read beside the log of \(without.joined(separator: ", ")): keys are not compared"
      ])
    }
    let faults = zip(runs, names).flatMap { run, name in run.faults.map { "in the log of \(name): \($0)" } }
    if !faults.isEmpty { paragraphs.append(faults) }
    return paragraphs.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func paragraph(_ meeting: Meeting, _ row: (Int, String) -> String) -> [String] {
    guard let place = meeting.place else {
      return ["training loss at the same \(meeting.axis.words): a log does not say, or has no steps"]
    }
    let amount = meeting.axis == .time ? Quantity.duration(place) : Quantity.short(place)
    var lines = ["training loss at the same \(meeting.axis.words), \(amount): mean over the last tenth of the way"]
    for (index, loss) in meeting.losses.enumerated() {
      var cells = loss.map(Quantity.fixed) ?? "no record there"
      if let difference = meeting.differences[index] {
        cells += "   " + signed(difference.mean)
        cells += difference.halfWidth.map { " ± \(Quantity.fixed($0))" } ?? ", too few records for an interval"
      }
      lines.append(row(index, cells))
    }
    return lines
  }

  private func signed(_ value: Double) -> String { String(format: "%+.4f", value) }
}

extension RunAxis {
  /// As in "at the same …".
  var words: String {
    switch self {
    case .steps: "steps"
    case .tokens: "tokens"
    case .flops: "operations"
    case .time: "time"
    }
  }
}
