import Communication
import Display
import Foundation
import Host
import JSON
import Kernels
import RunFiles
import Storage

// What rank 0 prints and logs at the start of a run.
extension TrainingRun {
  /// Warnings about too little memory or disk space and about slow arithmetic, one sentence each.
  func resourceNotes(_ folder: RunFolder) -> [String] {
    var notes: [String] = []
    if let warning = Processor.blasWarning(environment: ProcessInfo.processInfo.environment) { notes.append(warning) }
    if configuration.training.precision == .bf16, let warning = Processor.bf16Warning { notes.append(warning) }

    let needed = plan.bytes(ranksOnNode: communicator.nodeSize)
    let available = AvailableMemory.bytes
    if needed > available {
      notes.append(
        "\(Quantity.count(communicator.nodeSize, "rank")) on a node take \(Quantity.bytes(needed)), "
          + "\(Quantity.bytes(available)) are available: \(RunPlan.waysToSave)")
    }

    // The next checkpoint is written before the oldest is removed.
    let kept = configuration.checkpoint.keep + (configuration.learningRateSchedule.decayStart == nil ? 0 : 1)
    let files = max(1, kept + 1 - ((try? folder.steps().count) ?? 0))
    let bytes = files * Checkpoint.numberBytes(trainer.state.layout, trainer.state.optimizer)
    if let space = DiskSpace.available(in: folder.path), space < bytes {
      notes.append(
        "\(folder.path) has \(Quantity.bytes(space)) left, but the run will write \(files) checkpoints, together "
          + "\(Quantity.bytes(bytes)), before it removes the oldest: free some space, or lower checkpoint.keep")
    }
    return notes
  }

  /// Logs the `run` record and prints the plan.
  ///
  /// - Parameter peak: the measured rate of matrix products of all ranks, FLOP/s.
  func reportStart(
    _ inputs: RunInputs, _ origin: Trainer.StateOrigin, threads: Int, peak: Double, notes: [String]
  ) {
    let step = trainer.state.progress.step
    reporter.start(
      [
        "resumed_from_step": .integer(step), "initialized_from": origin.initializedFrom?.json ?? .null,
        "ranks": .integer(communicator.size),
        "threads": .integer(threads), "blas_kernel": .string(Processor.blasKernel),
        "kernels": .string(KernelChoice.current.rawValue), "arithmetic": .string(inputs.arithmetic),
        "version": .string(Version.current), "time": .string(Date.now.formatted(.iso8601)),
        "host": .string(communicator.hostName), "mpi": .string(Communicator.libraryVersion),
        "pattern": .string(configuration.hiddenDecoding.name), "parameters": .integer(plan.parameters),
        "flops_per_step": .integer(plan.flopsPerStep), "gemm_peak_gflops": .number(peak / 1e9),
        "memory_bytes_per_rank": .integer(plan.memoryBytesPerRank),
        "decay_after_step": configuration.learningRateSchedule.decayStart.map { .integer($0) } ?? .null,
      ])
    console.say("folder       \(inputs.folder.path)\n\(plan.text(configuration))")
    console.say(
      "ranks        \(communicator.size), \(Quantity.count(threads, "thread")) each, kernels "
        + "\(inputs.kernels); "
        + "\(Processor.library(of: configuration.training.precision)) reaches "
        + "\(Quantity.short(peak / 1e9)) GFLOP/s on all ranks together")
    if let source = origin.initializedFrom, !origin.isResumed {
      console.say("initial weights from \(source.path), digest \(source.digest)")
    }
    if origin.isResumed, let checkpoint = inputs.checkpoint {
      console.say("resuming at step \(checkpoint.step) from \(checkpoint.path)")
    }
    for change in inputs.changes { console.say("changed      \(change.key): \(change.other) → \(change.value)") }
    for note in configuration.warnings + notes { reporter.warning(note, step: step) }
  }

  /// Prints that there is nothing left to do. Writes no file.
  func reportNothingToDo(_ inputs: RunInputs, notes: [String]) {
    let (step, steps) = (trainer.state.progress.step, configuration.training.steps)
    console.say("folder       \(inputs.folder.path)")
    for change in inputs.changes {
      console.say("ignored      \(change.key): \(change.other) → \(change.value)")
    }
    for note in notes { console.warn(note) }
    if step < steps {
      console.say("step \(step) is done, and --stop-after ends the run there")
    } else {
      let beyond = step > steps ? " (the checkpoint is of step \(step))" : ""
      console.say("all \(steps) steps are done\(beyond); raise training.steps to continue")
    }
  }
}
