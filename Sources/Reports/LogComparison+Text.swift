import Display
import Foundation
import JSON

extension LogComparison {
  /// The comparison as text: one paragraph per quantity, one line per run.
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
    for comparison in axisComparisons { paragraphs.append(paragraph(comparison, row)) }
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
        "configurations are not compared: no readable config.json next to the log of \(without.joined(separator: ", "))"
      ])
    }
    let problems = zip(runs, names).flatMap { run, name in run.problems.map { "in the log of \(name): \($0)" } }
    if !problems.isEmpty { paragraphs.append(problems) }
    return paragraphs.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func paragraph(_ comparison: AxisComparison, _ row: (Int, String) -> String) -> [String] {
    guard let position = comparison.position else {
      return [
        "training loss at the same \(comparison.axis.noun): a log does not record it, or has no steps"
      ]
    }
    let amount = comparison.axis == .time ? Quantity.duration(position) : Quantity.short(position)
    var lines = ["training loss at the same \(comparison.axis.noun), \(amount): mean over the last tenth"]
    for (index, loss) in comparison.losses.enumerated() {
      var cells = loss.map(Quantity.fixed) ?? "no record"
      if let difference = comparison.differences[index] {
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
  /// The axis's name in "at the same …".
  var noun: String {
    switch self {
    case .steps: "steps"
    case .tokens: "tokens"
    case .flops: "operations"
    case .time: "time"
    }
  }
}
