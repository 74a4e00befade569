import Foundation
import JSON
import Storage

/// A loss log in a few numbers.
public struct LogSummary: Sendable {
  public let path: String
  /// Steps and their losses, in order.
  public let losses: [(step: Int, loss: Double)]
  public let tokens: Int
  /// The steps' own seconds, together.
  public let seconds: Double
  /// Median over the steps, the first of each start left out.
  public let tokensPerSecond: Double?
  /// Starts of the program.
  public let starts: Int
  public let validations: [(step: Int, set: String, loss: Double)]
  /// The benchmarks' records.
  public let tasks: [JSONValue]
  public let warnings: [String]
  /// Why the last start ended; nil while it runs, or where it was killed.
  public let end: String?
  public let unreadableLines: Int

  /// - Parameter path: a run's folder or its log.
  /// - Throws: `StorageError`.
  public init(path given: String) throws {
    let path = (try? FileStatus(given))?.isFolder == true ? RunFolder(given).log : given
    let (records, unreadable) = try LossLog.read(path)
    self.path = path
    var losses: [(Int, Double)] = []
    var validations: [(Int, String, Double)] = []
    var tasks: [JSONValue] = []
    var rates: [Double] = []
    var (tokens, seconds, starts) = (0, 0.0, 0)
    var warnings: [String] = []
    var end: String?
    var isFirst = false
    for record in records {
      switch record["event"]?.string {
      case "run":
        starts += 1
        isFirst = true
        end = nil
      case "step":
        guard let step = record["step"]?.integer, let loss = record["loss"]?.number else { continue }
        losses.append((step, loss))
        tokens = max(tokens, record["tokens"]?.integer ?? 0)
        seconds += record["seconds"]?.number ?? 0
        if let rate = record["tokens_per_second"]?.number, !isFirst { rates.append(rate) }
        isFirst = false
      case "validation":
        guard let step = record["step"]?.integer, let set = record["set"]?.string,
          let loss = record["loss"]?.number
        else { continue }
        validations.append((step, set, loss))
      case "task": tasks.append(record)
      case "warning": if let message = record["message"]?.string { warnings.append(message) }
      case "end": end = record["reason"]?.string
      default: continue
      }
    }
    self.losses = losses
    self.validations = validations
    self.tasks = tasks
    self.warnings = warnings
    (self.tokens, self.seconds, self.starts, self.end) = (tokens, seconds, starts, end)
    tokensPerSecond = rates.isEmpty ? nil : rates.sorted()[rates.count / 2]
    unreadableLines = unreadable
  }

  private var best: (step: Int, loss: Double)? { losses.min { $0.loss < $1.loss } }

  public var json: JSONValue {
    [
      "path": .string(path),
      "steps": .integer(losses.last?.step ?? 0),
      "tokens": .integer(tokens),
      "seconds": .number(seconds),
      "tokens_per_second": tokensPerSecond.map { .number($0) } ?? .null,
      "first_loss": losses.first.map { .number($0.loss) } ?? .null,
      "last_loss": losses.last.map { .number($0.loss) } ?? .null,
      "best_loss": best.map { .number($0.loss) } ?? .null,
      "starts": .integer(starts),
      "validations": .array(
        validations.map { ["step": .integer($0.step), "set": .string($0.set), "loss": .number($0.loss)] }),
      "tasks": .array(
        tasks.map { record in
          .object(JSONValue.Object(distinct: (record.object?.fields ?? []).filter { $0.name != "event" }))
        }),
      "warnings": .array(warnings.map { .string($0) }),
      "end": end.map { .string($0) } ?? .null,
      "unreadable_lines": .integer(unreadableLines),
    ]
  }

  /// Lines for people, and the losses as a chart of characters.
  public var text: String {
    var lines = ["\(path): \(losses.last?.step ?? 0) steps, \(Quantity.short(tokens)) tokens"]
    if let first = losses.first, let last = losses.last, let best {
      lines.append(
        "loss         \(fixed(first.loss)) at step \(first.step), \(fixed(last.loss)) at step \(last.step), "
          + "best \(fixed(best.loss)) at step \(best.step)")
    }
    if let tokensPerSecond {
      lines.append("speed        \(Quantity.short(tokensPerSecond)) tokens/s, \(Quantity.duration(seconds)) in all")
    }
    lines.append("starts       \(starts)\(end.map { ", ended: \($0)" } ?? ", no end written yet")")
    for validation in validations.suffix(3) {
      lines.append("validation   \(fixed(validation.loss)) on \(validation.set) at step \(validation.step)")
    }
    let last = tasks.last?["step"]
    for task in tasks where task["step"] == last {
      let (name, accuracy) = (task["task"]?.string ?? "", task["acc"]?.number ?? .nan)
      lines.append("task         \(name): \(fixed(accuracy)) right at step \(last?.integer ?? 0)")
    }
    for warning in warnings.suffix(5) { lines.append("warning      \(warning)") }
    if unreadableLines > 0 { lines.append("warning      \(unreadableLines) lines cannot be read") }
    if losses.count > 1 { lines += [""] + chart(width: 72, height: 12) }
    return lines.joined(separator: "\n")
  }

  /// Loss against step: each column the mean of its steps.
  private func chart(width: Int, height: Int) -> [String] {
    let columns = min(width, losses.count)
    let means = (0..<columns).map { column in
      let part = losses[column * losses.count / columns..<(column + 1) * losses.count / columns]
      return part.reduce(0) { $0 + $1.loss } / Double(part.count)
    }
    guard let low = means.min(), let high = means.max() else { return [] }
    let range = max(high - low, 1e-12)
    var lines = (0..<height).map { row in
      let edge = high - range * Double(row) / Double(height - 1)
      let cells = means.map { mean in
        Int(((high - mean) / range * Double(height - 1)).rounded()) == row ? "•" : " "
      }
      return String(format: "%8.3f ┤", edge) + cells.joined()
    }
    let label = "step \(losses.first?.step ?? 0)"
    let end = "\(losses.last?.step ?? 0)"
    lines.append("         └" + String(repeating: "─", count: columns))
    lines.append(
      "          " + label + String(repeating: " ", count: max(1, columns - label.count - end.count)) + end)
    return lines
  }

  private func fixed(_ value: Double) -> String { String(format: "%.4f", value) }
}
