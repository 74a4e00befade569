import Communication
import Configuration
import Corpus
import Evaluation
import Foundation
import Host
import Inference
import JSON
import Kernels
import RunFiles
import Storage
import TensorBoard
import Transformer

/// A run: from its configuration to its last checkpoint.
///
/// The same on every rank; rank 0 also writes the checkpoints, the log and the console.
public final class TrainingRun {
  let configuration: RunConfiguration
  package var options: RunOptions
  let communicator: Communicator
  package let trainer: Trainer
  let plan: RunPlan
  let console: Console
  private let materials: RunMaterials
  private let watch: DataWatch
  /// Whether the newest checkpoint is of the last step that is asked for: then nothing is done, and no file changes.
  private let isDone: Bool
  let journal: RunJournal
  private let saver: CheckpointSaver
  private let requests: StopRequests
  private var time: RunTime
  private var watchdog: Watchdog?

  // MARK: the loop

  /// Trains to the last step, or to where the options, a signal or the clock end it.
  ///
  /// - Throws: what ended it otherwise, the same error on every rank.
  public func run() throws -> ExitStatus {
    if isDone { return .done }
    let last = TrainingRun.lastStep(configuration, options)
    do {
      let reader = try communicator.agreed {
        try BatchReader(
          materials.mixture, vocabularySize: configuration.model.vocabularySize,
          globalBatchSize: configuration.training.globalBatchSize, localSequences: trainer.localSequences,
          documentMask: configuration.data.documentMask, startingAt: trainer.state.progress.samples)
      }
      watchdog = try Watchdog(configuration, trainer.activity, log: materials.folder.log, communicator)
      if trainer.state.progress.awaitsValidation { try validate() }
      while try goesOn(to: last) {
        if requests.takeSave() { try save() }

        let start = ContinuousClock.now
        trainer.activity.enter(.reading, step: step + 1)
        let batch = try communicator.agreed {
          defer { trainer.activity.enter(.agreeing) }
          do {
            return try reader.next()
          } catch {
            // What cannot be read may have been changed: that says more. Finding out may take longer than a step.
            trainer.activity.enter(.saving, step: step + 1)
            _ = try watch.check()
            throw error
          }
        }
        watch.add(batch)
        let waited = (ContinuousClock.now - start).inSeconds
        let reduced = trainer.secondsInReduction
        let result = try trainer.step(SequenceTokens(batch))
        let took = Console.StepTime(
          whole: (ContinuousClock.now - start).inSeconds, data: waited, reduction: trainer.secondsInReduction - reduced)
        time.hasDoneStep(seconds: took.whole)
        trainer.activity.enter(.agreeing)
        record(result, epoch: batch.epoch, took)

        if isDue(configuration.training.compareWeightsEverySteps) { try compareWeights() }
        if isDue(configuration.validation.everySteps) || step == configuration.training.steps { try validate() }
        if step < last && savesCheckpoint(at: step) { try save() }
      }
      return try finish()
    } catch {
      // A checkpoint that is being written is of a step before what went wrong.
      trainer.activity.enter(.saving)
      saver.settle()
      journal.end("error: \(error)", step: step)
      throw error
    }
  }

  private var step: Int { trainer.state.progress.step }

  private static func lastStep(_ configuration: RunConfiguration, _ options: RunOptions) -> Int {
    min(configuration.training.steps, options.stopAfter ?? .max)
  }

  /// Whether a step always has a checkpoint. The one from before the decay allows the run to be extended.
  private func savesCheckpoint(at step: Int) -> Bool {
    configuration.checkpoint.isDue(at: step) || step == configuration.learningRateSchedule.decayStart
  }

  private func isDue(_ every: Int?) -> Bool { every.map { step % $0 == 0 } ?? false }

  /// Whether there is another step to do, and nobody has asked to stop. Collective.
  private func goesOn(to last: Int) throws -> Bool {
    saver.poll()
    return try !isToStop() && step < last
  }

  /// Whether somebody has asked to stop. Collective.
  private func isToStop() throws -> Bool {
    var own: SignalWatch.Requests = []
    if communicator.isRoot {
      if time.isUp(checkpointTakes: saver.longestSeconds) { own.insert(.timeIsUp) }
      if time.wantsSave {
        own.insert(.save)
        time.hasTriedToSave()
      }
    }
    try requests.share(own)
    return requests.pending.areToStop
  }

  // MARK: what the loop does between steps

  private func compareWeights() throws {
    trainer.activity.enter(.comparing)
    try trainer.compareWeights()
  }

  /// Makes sure that no corpus was changed since it was looked at last. Collective.
  private func checkData() throws {
    let own = try communicator.agreedNamingRanks { try watch.check() }
    if try communicator.all(own.isEmpty) { return }
    // Other nodes may have disks of their own.
    var said: Set<String> = []
    for notes in try communicator.allGather(own.joined(separator: "\n")) {
      for note in notes.split(separator: "\n").map(String.init) where said.insert(note).inserted {
        journal.warning(note, step: step)
      }
    }
  }

  private func save() throws {
    trainer.activity.enter(.saving)
    time.hasTriedToSave()
    try checkData()
    // A good checkpoint is not replaced by one with broken weights.
    try trainer.checkWeights()
    try saver.save(trainer.state)
  }

  /// Measures what validation there is; where the run is to stop, leaves it to whoever goes on.
  private func validate() throws {
    trainer.activity.enter(.validating)
    trainer.state.progress.awaitsValidation = true
    guard let losses = try materials.validation.losses(trainer, unless: isToStop),
      let tasks = try taskResults()
    else { return }
    try checkData()
    trainer.state.progress.awaitsValidation = false
    for (name, loss) in losses { journal.validation(set: name, loss: loss, step: step) }
    for result in tasks { journal.task(result, step: step) }
  }

  /// The results of the benchmarks; nil if they were interrupted. Collective.
  private func taskResults() throws -> [TaskResult]? {
    guard let tasks = materials.taskValidation else { return [] }
    let decoder = Decoder(trainer.inferenceModel(), on: trainer.team)
    return try tasks.results(decoder, communicator, unless: isToStop)
  }

  /// Ends the run with its state on the disk.
  private func finish() throws -> ExitStatus {
    trainer.activity.enter(.saving)
    try checkData()
    try trainer.checkWeights()
    let isComplete = step >= configuration.training.steps && !trainer.state.progress.awaitsValidation
    let isStopped = requests.pending.areToStop && !isComplete
    try saver.finish(trainer.state, isUrgent: isStopped)
    let reason = requests.pending.contains(.stop) ? "signal" : "time limit"
    journal.end(isStopped ? reason : isComplete ? "finished" : "stopped after", step: step)
    trainer.activity.enter(.ending)
    try communicator.rootOnly { try journal.sync() }
    return isStopped ? .stopped : .done
  }

  private func record(_ result: StepResult, epoch: Int, _ took: Console.StepTime) {
    guard communicator.isRoot else { return }
    let isLast = step == configuration.training.steps
    journal.step(
      StepMeasurement(result: result, progress: trainer.state.progress, epoch: epoch, time: took),
      isLogged: isDue(configuration.log.everySteps) || isLast)
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
    time = RunTime(configuration)
    requests = StopRequests(signals, communicator)
    let threads = try configuration.training.threads ?? Threads.perRank(communicator)
    let bindingWarning = try Binding.warning(threads: configuration.training.threads, communicator)
    let materials = try RunMaterials(configuration, options, communicator)
    self.materials = materials
    plan = RunPlan(
      configuration, ranks: communicator.size, threads: threads,
      samples: materials.mixture.sources.reduce(0) { $0 + $1.sampleCount })

    try communicator.agreed { [plan] in try plan.requireMemory(ranksOnNode: communicator.nodeSize) }
    let team = try communicator.agreed { try ThreadTeam(count: threads) }
    let trainer = Trainer(configuration, communicator: communicator, team: team)
    self.trainer = trainer
    let beginning = try trainer.begin(
      from: materials.checkpoint, initializingFrom: options.initializeFrom, allowing: options.allowances,
      tokenizer: materials.tokenizer)
    let peak = try trainer.measurePeak(tokens: 1024)
    let console = Console(
      steps: configuration.training.steps, flopsPerStep: plan.flopsPerStep, peak: peak, ranks: communicator.size)
    self.console = console

    let (step, folder) = (trainer.state.progress.step, materials.folder)
    // A checkpoint that was named may lie elsewhere: then this run's folder has none of that step yet.
    let isOwnCheckpoint = try communicator.agreedByRoot {
      if options.overwrite { return false }
      guard beginning.isResumed, case .file(let path) = options.resume else { return beginning.isResumed }
      let own = folder.checkpoint(step: step)
      return try FileStatus.exists(own) && FileStatus(path).isSameFile(as: FileStatus(own))
    }
    let isDone =
      try isOwnCheckpoint && !trainer.state.progress.awaitsValidation
      && step >= TrainingRun.lastStep(configuration, options)
      && communicator.agreedByRoot { try LossLog.hasEnded(folder.log, at: step) }
    self.isDone = isDone
    watch = DataWatch(
      materials.mixture.sources + materials.validation.sources,
      materials.data.entries + materials.validationData.entries,
      materials.mixture, configuration, localSequences: trainer.localSequences, samples: trainer.state.progress.samples)
    var notes = materials.notes + beginning.notes
    var log: LossLog?
    var tensorBoard: TensorBoardWriter?
    var kept: Set<Int> = []
    try communicator.rootOnly {
      if isDone { return }
      // Only now that nothing stands in the way of the new run, and what it begins with is in memory.
      if options.overwrite {
        try folder.clear(sparing: [materials.checkpoint?.path, options.initializeFrom].compactMap { $0 })
      }
      try folder.removeUnfinished()
      var named: String?
      if case .file(let path) = options.resume { named = path }
      for path in try folder.setAside(after: step, resuming: named) {
        notes.append("a later checkpoint is now \(path)")
      }
      try WholeFile.write(Array((configuration.resolved.pretty + "\n").utf8), to: folder.configuration)
      log = try LossLog(
        folder.log, continuingFrom: step, awaitsValidation: trainer.state.progress.awaitsValidation)
      kept = Set(try LossLog.starts(folder.log).compactMap { $0["decay_after_step"]?.integer })
      if let start = configuration.learningRateSchedule.decayStart { kept.insert(start) }
      if configuration.log.tensorBoard {
        tensorBoard = try TensorBoardWriter(folder: folder.path, continuingFrom: step)
      }
    }
    let journal = RunJournal(log, tensorBoard, console)
    self.journal = journal
    saver = CheckpointSaver(
      configuration, trainer.state.layout,
      Checkpoint.Origin(
        configuration: configuration.resolved, data: materials.data.text, arithmetic: materials.arithmetic,
        tokenizer: materials.tokenizer, initializedFrom: beginning.initializedFrom),
      folder,
      savedStep: isOwnCheckpoint ? step : nil,
      isKept: { [kept] in configuration.checkpoint.isMilestone($0) || kept.contains($0) }, communicator,
      prepare: { try journal.sync() }, report: { journal.checkpoint($0, after: trainer.state.progress.step) })
    trainer.activity.enter(.starting, step: step)
    guard communicator.isRoot else { return }
    if isDone {
      announceNothing(materials, notes: notes)
    } else {
      notes += (bindingWarning.map { [$0] } ?? []) + resourceNotes(folder)
      announce(materials, beginning, threads: threads, peak: peak, notes: notes)
    }
  }
}
