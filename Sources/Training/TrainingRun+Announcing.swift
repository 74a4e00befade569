import Communication
import Display
import Foundation
import Host
import JSON
import Kernels
import RunFiles
import Storage

// What rank 0 says of a run before it begins.
extension TrainingRun {
  /// What the machine has too little of, and what holds it back, a sentence each.
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

    // What is kept, and beside it the next one, which is written before the oldest goes.
    let kept = configuration.checkpoint.keep + (configuration.learningRateSchedule.decayStart == nil ? 0 : 1)
    let files = max(1, kept + 1 - ((try? folder.steps().count) ?? 0))
    let bytes = files * Checkpoint.numberBytes(trainer.state.layout, trainer.state.optimizer)
    if let space = DiskSpace.available(in: folder.path), space < bytes {
      notes.append(
        "\(folder.path) has \(Quantity.bytes(space)) left, the \(files) checkpoints still to come before the oldest goes "
          + "take \(Quantity.bytes(bytes)): free some space, or lower checkpoint.keep")
    }
    return notes
  }

  /// - Parameter peak: the measured rate of matrix products, operations a second.
  func announce(
    _ materials: RunMaterials, _ beginning: Trainer.Beginning, threads: Int, peak: Double, notes: [String]
  ) {
    let step = trainer.state.progress.step
    journal.start(
      [
        "resumed_from_step": .integer(step), "initialized_from": beginning.initializedFrom?.json ?? .null,
        "ranks": .integer(communicator.size),
        "threads": .integer(threads), "blas_kernel": .string(Processor.blasKernel),
        "arithmetic": .string(materials.arithmetic),
        "version": .string(Version.current), "time": .string(Date.now.formatted(.iso8601)),
        "host": .string(communicator.hostName), "mpi": .string(Communicator.libraryVersion),
        "pattern": .string(configuration.hiddenDecoding.name), "parameters": .integer(plan.parameters),
        "flops_per_step": .integer(plan.flopsPerStep), "gemm_peak_gflops": .number(peak / 1e9),
        "memory_bytes_per_rank": .integer(plan.memoryBytesPerRank),
        "decay_after_step": configuration.learningRateSchedule.decayStart.map { .integer($0) } ?? .null,
      ])
    console.say("folder       \(materials.folder.path)\n\(plan.text(configuration))")
    console.say(
      "ranks        \(communicator.size), \(Quantity.count(threads, "thread")) each; "
        + "\(Processor.library(of: configuration.training.precision)) reaches "
        + "\(Quantity.short(peak / 1e9)) GFLOP/s on all together")
    if let origin = beginning.initializedFrom, !beginning.isResumed {
      console.say("first weights from \(origin.path), digest \(origin.digest)")
    }
    if beginning.isResumed, let checkpoint = materials.checkpoint {
      console.say("resuming at step \(checkpoint.step) from \(checkpoint.path)")
    }
    for change in materials.changes { console.say("changed      \(change.key): \(change.other) → \(change.value)") }
    for note in configuration.warnings + notes { journal.warning(note, step: step) }
  }

  /// What rank 0 says where nothing is left to do. Nothing is written.
  func announceNothing(_ materials: RunMaterials, notes: [String]) {
    let (step, steps) = (trainer.state.progress.step, configuration.training.steps)
    console.say("folder       \(materials.folder.path)")
    for change in materials.changes {
      console.say("ignored      \(change.key): \(change.other) → \(change.value)")
    }
    for note in notes { console.warn(note) }
    if step < steps {
      console.say("step \(step) is done, and --stop-after asks for no more")
    } else {
      let beyond = step > steps ? " (the checkpoint is of step \(step))" : ""
      console.say("all \(steps) steps are done\(beyond); raise training.steps to go on")
    }
  }
}
