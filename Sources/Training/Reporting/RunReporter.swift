import Display
import Evaluation
import Foundation
import JSON
import RunFiles
import TensorBoard

/// Writes a run's records to the log and the console on rank 0; does nothing on the other ranks.
///
/// If the log cannot be written, for example because the disk is full, the run continues, and the records wait in
/// memory.
final class RunReporter {
  private let log: LossLog?
  private let tensorBoard: TensorBoardWriter?
  private let console: Console
  /// Whether the last record was written.
  private var isWritten = true

  /// - Parameter log: nil on all ranks except 0.
  init(_ log: LossLog?, _ tensorBoard: TensorBoardWriter?, _ console: Console) {
    self.log = log
    self.tensorBoard = tensorBoard
    self.console = console
  }

  // MARK: records

  func start(_ fields: JSONValue) { append("run", fields) }

  func warning(_ message: String, step: Int) {
    append("warning", ["step": .integer(step), "message": .string(message)])
    if log != nil { console.warn(message) }
  }

  /// Logs one step: always if it was skipped, with the event `skipped`, and otherwise if `isLogged`. The norms of its
  /// tensors follow if the step measured them.
  func step(_ measured: StepMeasurement, isLogged: Bool) {
    guard log != nil else { return }
    if isLogged || measured.result.skipped != nil { append(measured) }
    if let norms = measured.result.norms { append("tensors", norms.json(step: measured.progress.step)) }
  }

  private func append(_ measured: StepMeasurement) {
    let (result, progress) = (measured.result, measured.progress)
    var fields = JSONValue.Object()
    fields["step"] = .integer(progress.step)
    if let skipped = result.skipped { fields["reason"] = .string(skipped.name) }
    for metric in StepMetric.allCases { fields[metric.name] = measured.value(of: metric) }
    guard let skipped = result.skipped else {
      append("step", .object(fields))
      console.show(step: progress.step, result, tokens: progress.tokens, time: measured.time)
      return
    }
    fields["skipped"] = .integer(progress.skippedSteps)
    if case .notFinite(let origin) = skipped { fields["origin"] = .string(origin) }
    append("skipped", .object(fields))
    console.warn(
      "step \(progress.step): the loss is \(result.loss), the gradient's norm \(result.gradientNorm)"
        + "\(skipped == .spike ? ", a spike" : ""): its update was skipped, the \(ordinal(progress.skippedSteps)) "
        + "skipped step of the run")
  }

  func validation(set: String, loss: Double, step: Int) {
    append("validation", ["step": .integer(step), "set": .string(set), "loss": .number(loss)])
    say("step \(step)  validation \(set)  loss \(String(format: "%.4f", loss))")
  }

  func task(_ result: TaskResult, step: Int) {
    var fields: JSONValue.Object = .init(distinct: [.init(name: "step", value: .integer(step))])
    fields["task"] = .string(result.task.name)
    for field in result.metrics.fields { fields[field.name] = field.value }
    append("task", .object(fields))
    say("step \(step)  task \(result.text)")
  }

  /// - Parameter step: the last step done; a checkpoint written in the background is of an earlier one.
  func checkpoint(_ outcome: CheckpointSaver.Outcome, after step: Int) {
    switch outcome {
    case .saved(let saved):
      append(
        "checkpoint",
        [
          "step": .integer(saved.step), "path": .string(saved.path), "seconds": .number(saved.seconds),
          "background": .bool(saved.inBackground),
        ])
      let addition = saved.inBackground ? ", in the background" : ""
      say("checkpoint \(saved.path) in \(Quantity.duration(saved.seconds))\(addition)")
    case .failed(let failed, let error):
      warning(
        "\(error). The run goes on without the checkpoint of step \(failed) and tries again at the next", step: step)
    }
  }

  func end(_ reason: String, step: Int) {
    append("end", ["step": .integer(step), "reason": .string(reason)])
    if log != nil { console.endLiveLine() }
  }

  private func append(_ event: String, _ fields: JSONValue) {
    if let warning = tensorBoard?.append(event, fields) { console.warn(warning) }
    do {
      try log?.append(event, fields)
      isWritten = true
    } catch {
      if isWritten { console.warn("\(error). The run goes on; the records are written as soon as there is space") }
      isWritten = false
    }
  }

  private func say(_ text: String) { if log != nil { console.say(text) } }

  private func ordinal(_ number: Int) -> String {
    let ending =
      switch (number % 100, number % 10) {
      case (11...13, _): "th"
      case (_, 1): "st"
      case (_, 2): "nd"
      case (_, 3): "rd"
      default: "th"
      }
    return "\(number)\(ending)"
  }

  // MARK: the disk

  /// Flushes all records to the disk, because the log must have every step that a checkpoint covers.
  ///
  /// - Throws: `StorageError.failed`.
  func sync() throws { try log?.sync() }
}
