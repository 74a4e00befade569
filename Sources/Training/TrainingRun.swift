import Communication
import Corpus
import Foundation
import JSON
import Kernels
import Storage
import TensorBoard
import Transformer

/// A run: from its configuration to its last checkpoint.
///
/// The same on every rank; rank 0 also writes the checkpoints, the log and the console.
public final class TrainingRun {
  let configuration: RunConfiguration
  let options: RunOptions
  let communicator: Communicator
  let signals: SignalWatch
  let trainer: Trainer
  let validation: Validation
  let taskValidation: TaskValidation?
  let folder: RunFolder
  let data: DataFingerprint
  /// What the bits of the run hang on beside program and configuration.
  let arithmetic: String
  let console: Console
  let plan: RunPlan
  private let mixture: Mixture
  private let tokenizer: TokenizerIdentity
  private let lock: RunLock?
  private let log: LossLog?
  private let tensorBoard: TensorBoardWriter?
  /// What rank 0 could not write; told to the others when they next agree.
  private var failure: (any Error)?
  private var savedStep: Int?

  // MARK: the loop

  /// Trains to the last step, or to where the options or a signal end it.
  ///
  /// - Throws: what ended it otherwise, the same error on every rank.
  public func run() throws -> ExitStatus {
    let last = min(configuration.training.steps, options.stopAfter ?? .max)
    let reader = BatchReader(
      mixture, vocabularySize: configuration.model.vocabularySize,
      globalBatchSize: configuration.training.globalBatchSize, localSequences: trainer.localSequences,
      documentMask: configuration.data.documentMask, startingAt: trainer.state.samples)
    do {
      while trainer.state.step < last {
        let requests = try sharedRequests()
        if requests.contains(.stop) { return try stop() }
        if requests.contains(.save) { try save() }

        let start = ContinuousClock.now
        let batch = try communicator.agreed { try next(reader) }
        let result = try trainer.step(SequenceTokens(batch))
        record(result, epoch: batch.epoch, seconds: (ContinuousClock.now - start).inSeconds)

        if isDue(every: configuration.validation.everySteps) { try validate() }
        if isDue(every: configuration.checkpoint.everySteps) { try save() }
      }
      if savedStep != trainer.state.step { try save() }
      end(trainer.state.step < configuration.training.steps ? "stopped after" : "finished")
      try communicator.agreed { if let failure { throw failure } }
      return .done
    } catch {
      end("error: \(error)")
      throw error
    }
  }

  /// What signals asked for on any rank.
  private func sharedRequests() throws -> SignalWatch.Requests {
    SignalWatch.Requests(rawValue: try communicator.bitwiseOr(signals.take().rawValue))
  }

  /// The next batch, unless something went wrong since the ranks last agreed.
  private func next(_ reader: BatchReader) throws -> Batch {
    if let failure { throw failure }
    return try reader.next()
  }

  private func isDue(every steps: Int) -> Bool {
    let step = trainer.state.step
    return step % steps == 0 || step == configuration.training.steps
  }

  // MARK: what the loop does between steps

  private func stop() throws -> ExitStatus {
    if savedStep != trainer.state.step { try save() }
    end("signal")
    return .stopped
  }

  /// Saves on rank 0 while the others wait.
  private func save() throws {
    let start = ContinuousClock.now
    let path = folder.checkpoint(step: trainer.state.step)
    // The same on every rank: a good checkpoint must not make place for a broken one.
    guard trainer.hasFiniteWeights else { throw NotFiniteError(step: trainer.state.step, place: .weights) }
    let written = Result {
      try Checkpoint.write(
        trainer.state, configuration: configuration.resolved, data: data.text, arithmetic: arithmetic,
        tokenizer: tokenizer, to: path, communicator)
    }
    if !communicator.isRoot { try written.get() }
    try communicator.rootOnly { try written.get() }
    savedStep = trainer.state.step
    guard communicator.isRoot else { return }
    folder.keepNewest(configuration.checkpoint.keep)
    let seconds = (ContinuousClock.now - start).inSeconds
    append(
      "checkpoint", ["step": .integer(trainer.state.step), "path": .string(path), "seconds": .number(seconds)])
    console.say("checkpoint \(path) in \(Quantity.duration(seconds))")
  }

  private func validate() throws {
    for (name, loss) in try validation.losses(trainer) where communicator.isRoot {
      append("validation", ["step": .integer(trainer.state.step), "set": .string(name), "loss": .number(loss)])
      console.say("step \(trainer.state.step)  validation \(name)  loss \(String(format: "%.4f", loss))")
    }
    for result in try taskValidation?.results(trainer) ?? [] where communicator.isRoot {
      var fields: JSONValue.Object = .init(distinct: [.init(name: "step", value: .integer(trainer.state.step))])
      fields["task"] = .string(result.task.name)
      for field in result.metrics.fields { fields[field.name] = field.value }
      append("task", .object(fields))
      console.say("step \(trainer.state.step)  task \(result.text)")
    }
  }

  private func record(_ result: StepResult, epoch: Int, seconds: Double) {
    let step = trainer.state.step
    guard communicator.isRoot, isDue(every: configuration.log.everySteps) else { return }
    append(
      "step",
      [
        "step": .integer(step), "loss": .number(result.loss), "z_loss": .number(result.zLoss),
        "gradient_norm": .number(result.gradientNorm), "learning_rate": .number(result.learningRate),
        "tokens": .integer(trainer.state.tokens), "epoch": .integer(epoch), "seconds": .number(seconds),
        "tokens_per_second": .number(Double(result.tokens) / max(seconds, 1e-9)),
      ])
    console.show(step: step, result, seconds: seconds)
  }

  private func end(_ reason: String) {
    append("end", ["step": .integer(trainer.state.step), "reason": .string(reason)])
    if communicator.isRoot { console.endLiveLine() }
  }

  /// Writes a record on rank 0. A failure is kept until the ranks next agree: nobody branches alone.
  private func append(_ event: String, _ fields: JSONValue) {
    do { try log?.append(event, fields) } catch { failure = failure ?? error }
    if let warning = tensorBoard?.append(event, fields) { console.warn(warning) }
  }

  // MARK: the beginning

  /// Opens the data and the run's folder, and brings weights and moments to where the run goes on.
  ///
  /// Collective, as all that follows.
  /// - Throws: `AgreedError`, the same on every rank; `CommunicationError`.
  public init(
    _ configuration: RunConfiguration, _ options: RunOptions, _ communicator: Communicator, _ signals: SignalWatch
  ) throws {
    self.configuration = configuration
    self.options = options
    self.communicator = communicator
    self.signals = signals
    let threads = try configuration.training.threads ?? Threads.perRank(communicator)
    mixture = try communicator.agreed { try configuration.openTrainingData() }
    let sources = mixture.sources
    (validation, tokenizer) = try communicator.agreed {
      let validation = try Validation(configuration)
      try TokenizerIdentity.check(sources + validation.sources)
      return (validation, try TokenizerIdentity(sources))
    }
    let identity = tokenizer
    taskValidation = try communicator.agreed { try TaskValidation(configuration, identity) }
    let hashes = try communicator.bytesFromRoot {
      Array(try DataFingerprint(sources, documentMask: configuration.data.documentMask).text.utf8)
    }
    guard let data = DataFingerprint(text: String(decoding: hashes, as: UTF8.self)) else {
      preconditionFailure("a fingerprint that cannot be read back")
    }
    self.data = data
    plan = RunPlan(
      configuration, ranks: communicator.size, threads: threads,
      samples: sources.reduce(0) { $0 + $1.sampleCount })

    let folder = RunFolder(configuration.runFolder)
    self.folder = folder
    var lock: RunLock?
    var found: Checkpoint?
    var notes = taskValidation?.notes ?? []
    var changes: [RunConfiguration.Difference] = []
    try communicator.rootOnly {
      try folder.create()
      lock = try RunLock(folder: folder.path)
      found = try RunSetup.checkpoint(options, folder) { notes.append($0) }
      if let found { changes = try RunSetup.changes(since: found, configuration, data, sources) }
    }
    self.lock = lock

    arithmetic = Processor.arithmetic(configuration.training.precision)
    let arithmetics = try communicator.allGather(arithmetic)
    if let rank = arithmetics.firstIndex(where: { $0 != arithmetics[0] }) {
      notes.append(
        "rank \(rank) computes with \(arithmetics[rank]), rank 0 with \(arithmetics[0]): the bits hang on which rank "
          + "has which micro-batch; give the job nodes of one kind to have them repeat")
    }
    if let found {
      notes += RunSetup.changedBits(
        since: found, folder, arithmetic: arithmetic, ranks: communicator.size,
        reproducible: configuration.training.reproducible)
    }

    let team = ThreadTeam(count: threads)
    trainer = Trainer(configuration, communicator: communicator, team: team)
    let resumed = try trainer.begin(from: found, initializingFrom: options.initializeFrom, tokenizer: tokenizer)
    let peak = try trainer.measurePeak(tokens: 1024)
    console = Console(steps: configuration.training.steps, flopsPerStep: plan.flopsPerStep, peak: peak)
    // A checkpoint that was named may lie elsewhere: then this run's folder has none of that step yet.
    savedStep = resumed && options.resume == .auto ? trainer.state.step : nil

    let step = trainer.state.step
    var opened: LossLog?
    var tensorBoard: TensorBoardWriter?
    try communicator.rootOnly {
      // Only now that nothing stands in the way of the new run, and what it begins with is in memory.
      if options.overwrite { try folder.clear(sparing: found?.path) }
      folder.removeUnfinished()
      for path in folder.setAside(after: step) { notes.append("a later checkpoint is now \(path)") }
      try WholeFile.write(Array((configuration.resolved.pretty + "\n").utf8), to: folder.configuration)
      opened = try LossLog(folder.log, continuingFrom: step)
      if configuration.log.tensorBoard {
        tensorBoard = try TensorBoardWriter(folder: folder.path, continuingFrom: step)
      }
    }
    log = opened
    self.tensorBoard = tensorBoard
    guard communicator.isRoot else { return }
    if let warning = Processor.blasWarning(environment: ProcessInfo.processInfo.environment) {
      notes.append(warning)
    }
    if configuration.training.precision == .bf16, let warning = Processor.bf16Warning { notes.append(warning) }
    let needed = plan.memoryBytesPerRank * communicator.nodeSize
    let available = AvailableMemory.bytes
    if needed > available {
      notes.append(
        "\(communicator.nodeSize) ranks on a node take \(Quantity.bytes(needed)), "
          + "\(Quantity.bytes(available)) are available: lower training.micro_batch_size, set "
          + "training.recompute to \"block\", or use fewer ranks a node")
    }
    if let change = changes.first(where: { $0.key == "training.steps" }) {
      notes.append("training.steps was \(change.other), is \(change.value): the schedule is stretched to it")
    }
    announce(resumedFrom: resumed ? found : nil, threads: threads, peak: peak, changes: changes, notes: notes)
  }

  private func announce(
    resumedFrom checkpoint: Checkpoint?, threads: Int, peak: Double, changes: [RunConfiguration.Difference],
    notes: [String]
  ) {
    let step = trainer.state.step
    append(
      "run",
      [
        "resumed_from_step": .integer(step), "ranks": .integer(communicator.size),
        "threads": .integer(threads), "blas_kernel": .string(Processor.blasKernel),
        "arithmetic": .string(arithmetic),
        "version": .string(Version.current), "time": .string(Date.now.formatted(.iso8601)),
        "host": .string(communicator.hostName), "mpi": .string(Communicator.libraryVersion),
        "pattern": .string(configuration.hiddenDecoding.name), "parameters": .integer(plan.parameters),
        "flops_per_step": .integer(plan.flopsPerStep), "gemm_peak_gflops": .number(peak / 1e9),
        "memory_bytes_per_rank": .integer(plan.memoryBytesPerRank),
      ])
    console.say("folder       \(folder.path)\n\(plan.text(configuration))")
    console.say(
      "ranks        \(communicator.size), \(threads) thread\(threads == 1 ? "" : "s") each; "
        + "\(configuration.training.precision == .fp32 ? "OpenBLAS \(Processor.blasKernel)" : "oneDNN") reaches "
        + "\(Quantity.short(peak / 1e9)) GFLOP/s on all together")
    if let checkpoint { console.say("resuming at step \(checkpoint.step) from \(checkpoint.path)") }
    for change in changes { console.say("changed      \(change.key): \(change.other) → \(change.value)") }
    for note in configuration.warnings + notes {
      append("warning", ["step": .integer(step), "message": .string(note)])
      console.warn(note)
    }
    let steps = configuration.training.steps
    if step >= steps {
      let beyond = step > steps ? " (the checkpoint is of step \(step))" : ""
      console.say("all \(steps) steps are done\(beyond); raise training.steps to go on")
    }
  }
}

extension Duration {
  /// Seconds, with their fraction.
  public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// This program's version.
public enum Version {
  public static let current = "0.1.0"
}
