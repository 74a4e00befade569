import Display
import Foundation
import Host
import JSON
import RunFiles

/// A summary of a run.
public struct LogSummary: Sendable {
  public let run: RunLog

  public init(_ run: RunLog) { self.run = run }

  /// The median over the steps, without the first step of each start.
  public var tokensPerSecond: Double? {
    let rates = run.steps.filter { !run.firstSteps.contains($0.step) }.map { $0[.tokensPerSecond] }.filter(\.isFinite)
    return rates.isEmpty ? nil : rates.upperMedian
  }

  private struct Losses {
    let first, last, best: StepRecord
    /// The mean over the last records, and their number.
    let recent: (mean: Double, count: Int)
  }

  private var losses: Losses? {
    guard let first = run.steps.first(where: { $0[.loss].isFinite }),
      let last = run.steps.last(where: { $0[.loss].isFinite })
    else { return nil }
    var best = first
    for record in run.steps where record[.loss] < best[.loss] { best = record }
    let recent = run.steps.suffix(Smoothing.width(of: run.steps.count)).map { $0[.loss] }.filter(\.isFinite)
    let mean = recent.isEmpty ? last[.loss] : recent.reduce(0, +) / Double(recent.count)
    return Losses(first: first, last: last, best: best, recent: (mean, recent.count))
  }

  private var steps: Int { run.steps.last?.step ?? 0 }
  private var flops: Double? { run.flopsPerStep.map { $0 * Double(steps) } }

  public var json: JSONValue {
    let losses = losses
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return [
      "path": .string(run.path),
      "name": .string(run.name),
      "steps": .integer(steps),
      "tokens": run.tokens.map { .integer($0) } ?? .null,
      "flops": number(flops),
      "seconds": number(run.seconds),
      "saving_seconds": .number(run.savingSeconds),
      "tokens_per_second": number(tokensPerSecond),
      "first_loss": number(losses?.first[.loss]),
      "last_loss": number(losses?.last[.loss]),
      "recent_loss": number(losses?.recent.mean),
      "best_loss": number(losses?.best[.loss]),
      "best_step": losses.map { .integer($0.best.step) } ?? .null,
      "starts": .integer(run.starts.count),
      "resumed_from": .array(run.resumes.map { .integer($0) }),
      "skipped_steps": .integer(run.skipped.count),
      "validations": .array(
        run.validations.map { ["step": .integer($0.step), "set": .string($0.set), "loss": .number($0.loss)] }),
      "tasks": .array(
        run.tasks.map { record in
          .object(JSONValue.Object(distinct: (record.object?.fields ?? []).filter { $0.name != "event" }))
        }),
      "warnings": .array(run.warnings.map { .string($0) }),
      "end": run.end.map { .string($0) } ?? .null,
      "unreadable_lines": .integer(run.unreadableLines),
      "faults": .array(run.problems.map { .string($0) }),
    ]
  }

  /// The summary as text.
  public var text: String {
    let tokens = run.tokens.map { ", \(Quantity.short($0)) tokens" } ?? ""
    var lines = ["\(run.name): \(Quantity.count(steps, "step"))\(tokens)"]
    func add(_ name: String, _ text: String) {
      lines.append(name.padding(toLength: 13, withPad: " ", startingAt: 0) + text)
    }
    if let losses {
      add(
        "loss",
        "\(Quantity.fixed(losses.first[.loss])) at step \(losses.first.step), "
          + "\(Quantity.fixed(losses.last[.loss])) at step \(losses.last.step), "
          + "best \(Quantity.fixed(losses.best[.loss])) at step \(losses.best.step)")
      if losses.recent.count > 1 {
        add("", "\(Quantity.fixed(losses.recent.mean)) is the mean of the last \(losses.recent.count) records")
      }
    }
    if let tokensPerSecond {
      let saving = run.savingSeconds > 0 ? ", and \(Quantity.duration(run.savingSeconds)) of saving" : ""
      let training = run.seconds.map { ", \(Quantity.duration($0)) of training" } ?? ""
      add("speed", "\(Quantity.short(tokensPerSecond)) tokens/s" + training + saving)
    }
    if let flops { add("computed", "\(Quantity.short(flops)) floating-point operations") }
    let resumes = run.resumes.isEmpty ? "" : ", resumed at step \(RunLog.list(run.resumes))"
    add("starts", "\(run.starts.count)\(resumes)\(run.end.map { ", ended: \($0)" } ?? ", not ended yet")")
    for set in run.validationSets {
      let own = run.validations.filter { $0.set == set }
      guard let last = own.last else { continue }
      let best = own.filter(\.loss.isFinite).min { $0.loss < $1.loss }
      let other = best.map { $0.step == last.step ? "" : ", best \(Quantity.fixed($0.loss)) at step \($0.step)" } ?? ""
      add("validation", "\(Quantity.fixed(last.loss)) on \(set) at step \(last.step)\(other)")
    }
    let last = run.tasks.last?["step"]
    for task in run.tasks where task["step"] == last {
      let (name, accuracy) = (task["task"]?.string ?? "", task["acc"]?.number ?? .nan)
      add("task", "\(name): \(Quantity.fixed(accuracy)) right at step \(last?.integer ?? 0)")
    }
    if !run.skipped.isEmpty {
      let reasons = run.skipped.compactMap { $0["reason"]?.string }
      let kinds = Set(reasons).sorted().map { kind in "\(reasons.count { $0 == kind }) \(kind)" }
      let steps = RunLog.list(run.skipped.compactMap { $0["step"]?.integer })
      add("skipped", "\(Quantity.count(run.skipped.count, "step")) (\(kinds.joined(separator: ", "))): \(steps)")
    }
    if run.warnings.count > 5 { add("warnings", "\(run.warnings.count), the last 5:") }
    for warning in run.warnings.suffix(5) { add("warning", warning) }
    for problem in run.problems { add("in the log", problem) }
    return lines.joined(separator: "\n")
  }
}

extension RunLog {
  /// The last five numbers, separated by commas.
  static func list(_ numbers: [Int]) -> String {
    let shown = numbers.suffix(5).map { String($0) }.joined(separator: ", ")
    return numbers.count > 5 ? "…, \(shown)" : shown
  }
}
