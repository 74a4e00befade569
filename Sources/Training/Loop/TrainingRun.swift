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
  private let inputs: RunInputs
  private let watch: DataWatch
  /// Whether the run has ended at its last step before. If so, it does nothing, and no file changes.
  private let isDone: Bool
  let reporter: RunReporter
  private let saver: CheckpointSaver
  private let requests: StopRequests
  private var time: RunTime
  private var watchdog: Watchdog?

  // MARK: the loop

  /// Trains to the last step, or until `--stop-after`, a signal or the time limit.
  ///
  /// - Throws: the error that ended the run, the same on every rank.
  public func run() throws -> ExitStatus {
    if isDone { return .done }
    let last = TrainingRun.lastStep(configuration, options)
    do {
      let reader = try communicator.agreed {
        try BatchReader(
          inputs.mixture, vocabularySize: configuration.model.vocabularySize,
          globalBatchSize: configuration.training.globalBatchSize, localSequences: trainer.localSequences,
          documentMask: configuration.data.documentMask, startingAt: trainer.state.progress.samples)
      }
      watchdog = try Watchdog(configuration, trainer.activity, log: inputs.folder.log, communicator)
      if trainer.state.progress.awaitsValidation { try validate() }
      while try shouldContinue(to: last) {
        if requests.takeSave() { try save() }

        let start = ContinuousClock.now
        trainer.activity.enter(.reading, step: step + 1)
        let batch = try communicator.agreed {
          defer { trainer.activity.enter(.agreeing) }
          do {
            return try reader.next()
          } catch {
            // A corpus that was changed is the more helpful error. The check may take longer than a step, so the
            // watchdog must not count it as one.
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
        time.recordStep(seconds: took.whole)
        trainer.activity.enter(.agreeing)
        record(result, epoch: batch.epoch, took)

        if stepIsMultiple(of: configuration.training.compareWeightsEverySteps) { try compareWeights() }
        if stepIsMultiple(of: configuration.validation.everySteps) || step == configuration.training.steps {
          try validate()
        }
        if step < last && savesCheckpoint(at: step) { try save() }
      }
      return try finish()
    } catch {
      // A checkpoint that is being written is of a step before the error.
      trainer.activity.enter(.saving)
      saver.waitForWrite()
      reporter.end("error: \(error)", step: step)
      throw error
    }
  }

  private var step: Int { trainer.state.progress.step }

  private static func lastStep(_ configuration: RunConfiguration, _ options: RunOptions) -> Int {
    min(configuration.training.steps, options.stopAfter ?? .max)
  }

  /// Whether a step always has a checkpoint. The one before the decay allows the user to extend the run.
  private func savesCheckpoint(at step: Int) -> Bool {
    configuration.checkpoint.isScheduled(at: step) || step == configuration.learningRateSchedule.decayStart
  }

  private func stepIsMultiple(of every: Int?) -> Bool { every.map { step % $0 == 0 } ?? false }

  /// Whether there is another step to do and no request to stop. Collective.
  private func shouldContinue(to last: Int) throws -> Bool {
    saver.poll()
    return try !shouldStop() && step < last
  }

  /// Whether a signal or the time limit requests a stop. Collective.
  private func shouldStop() throws -> Bool {
    var own: SignalWatch.Requests = []
    if communicator.isRoot {
      if time.isRunningOut(checkpointSeconds: saver.longestSeconds) { own.insert(.timeIsUp) }
      if time.isSaveDue {
        own.insert(.save)
        time.recordSaveAttempt()
      }
    }
    try requests.share(own)
    return requests.pending.includesStop
  }

  // MARK: between steps

  private func compareWeights() throws {
    trainer.activity.enter(.comparing)
    try trainer.compareWeights()
  }

  /// Checks that no corpus was changed since the last check. Collective.
  private func checkData() throws {
    let own = try communicator.agreedNamingRanks { try watch.check() }
    if try communicator.all(own.isEmpty) { return }
    // Other nodes may have local disks, and other notes.
    var said: Set<String> = []
    for notes in try communicator.allGather(own.joined(separator: "\n")) {
      for note in notes.split(separator: "\n").map(String.init) where said.insert(note).inserted {
        reporter.warning(note, step: step)
      }
    }
  }

  private func save() throws {
    trainer.activity.enter(.saving)
    time.recordSaveAttempt()
    try checkData()
    // A valid checkpoint must not be replaced by one with weights that are not finite.
    try trainer.checkWeights()
    try saver.save(trainer.state)
  }

  /// Measures the validation losses and benchmarks. If the run has to stop meanwhile, the next start does this.
  private func validate() throws {
    trainer.activity.enter(.validating)
    trainer.state.progress.awaitsValidation = true
    guard let losses = try inputs.validation.losses(trainer, unless: shouldStop),
      let tasks = try taskResults()
    else { return }
    try checkData()
    trainer.state.progress.awaitsValidation = false
    for (name, loss) in losses { reporter.validation(set: name, loss: loss, step: step) }
    for result in tasks { reporter.task(result, step: step) }
  }

  /// The results of the benchmarks; nil if interrupted. Collective.
  private func taskResults() throws -> [TaskResult]? {
    guard let tasks = inputs.taskValidation else { return [] }
    let decoder = Decoder(trainer.inferenceModel(), on: trainer.team)
    return try tasks.results(decoder, communicator, unless: shouldStop)
  }

  /// Saves the state and logs the end of the run.
  private func finish() throws -> ExitStatus {
    trainer.activity.enter(.saving)
    try checkData()
    try trainer.checkWeights()
    let isComplete = step >= configuration.training.steps && !trainer.state.progress.awaitsValidation
    let isStopped = requests.pending.includesStop && !isComplete
    try saver.finish(trainer.state, isUrgent: isStopped)
    let reason = requests.pending.contains(.stop) ? "signal" : "time limit"
    reporter.end(isStopped ? reason : isComplete ? "finished" : "stopped after", step: step)
    trainer.activity.enter(.ending)
    try communicator.rootOnly { try reporter.sync() }
    return isStopped ? .stopped : .done
  }

  private func record(_ result: StepResult, epoch: Int, _ took: Console.StepTime) {
    guard communicator.isRoot else { return }
    let isLast = step == configuration.training.steps
    reporter.step(
      StepMeasurement(result: result, progress: trainer.state.progress, epoch: epoch, time: took),
      isLogged: stepIsMultiple(of: configuration.log.everySteps) || isLast)
  }

  // MARK: the start

  /// Opens the data and the run's folder, and loads or initializes weights and moments. Collective, like all methods.
  ///
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
    let inputs = try RunInputs(configuration, options, communicator)
    self.inputs = inputs
    plan = RunPlan(
      configuration, ranks: communicator.size, threads: threads,
      samples: inputs.mixture.sources.reduce(0) { $0 + $1.sampleCount })

    try communicator.agreed { [plan] in try plan.requireMemory(ranksOnNode: communicator.nodeSize) }
    let team = try communicator.agreed { try ThreadTeam(count: threads) }
    let trainer = Trainer(configuration, communicator: communicator, team: team)
    self.trainer = trainer
    let origin = try trainer.loadState(
      from: inputs.checkpoint, initializingFrom: options.initializeFrom, allowing: options.allowances,
      tokenizer: inputs.tokenizer)
    let peak = try trainer.measurePeak(tokens: 1024)
    let console = Console(
      steps: configuration.training.steps, flopsPerStep: plan.flopsPerStep, peak: peak, ranks: communicator.size)
    self.console = console

    let (step, folder) = (trainer.state.progress.step, inputs.folder)
    // A checkpoint given by --resume FILE may be in another folder. This run's folder may then have none
    // of its step.
    let isOwnCheckpoint = try communicator.agreedByRoot {
      if options.overwrite { return false }
      guard origin.isResumed, case .file(let path) = options.resume else { return origin.isResumed }
      let own = folder.checkpoint(step: step)
      return try FileStatus.exists(own) && FileStatus(path).isSameFile(as: FileStatus(own))
    }
    let isDone =
      try isOwnCheckpoint && !trainer.state.progress.awaitsValidation
      && step >= TrainingRun.lastStep(configuration, options)
      && communicator.agreedByRoot { try LossLog.hasEnded(folder.log, at: step) }
    self.isDone = isDone
    watch = DataWatch(
      inputs.mixture.sources + inputs.validation.sources,
      inputs.data.entries + inputs.validationData.entries,
      inputs.mixture, configuration, localSequences: trainer.localSequences, samples: trainer.state.progress.samples)
    var notes = inputs.notes + origin.notes
    var prepared = PreparedFolder()
    try communicator.rootOnly {
      if !isDone { prepared = try PreparedFolder(inputs, configuration, options, trainer.state.progress) }
    }
    notes += prepared.notes
    let reporter = RunReporter(prepared.log, prepared.tensorBoard, console)
    self.reporter = reporter
    saver = CheckpointSaver(
      configuration, trainer.state.layout,
      Checkpoint.Origin(
        configuration: configuration.resolved, data: inputs.data.text, arithmetic: inputs.arithmetic,
        tokenizer: inputs.tokenizer, initializedFrom: origin.initializedFrom),
      folder,
      savedStep: isOwnCheckpoint ? step : nil,
      isKept: { [kept = prepared.keptSteps] in configuration.checkpoint.isMilestone($0) || kept.contains($0) },
      communicator,
      prepare: { try reporter.sync() }, report: { reporter.checkpoint($0, after: trainer.state.progress.step) })
    trainer.activity.enter(.starting, step: step)
    guard communicator.isRoot else { return }
    if isDone {
      reportNothingToDo(inputs, notes: notes)
    } else {
      notes += (bindingWarning.map { [$0] } ?? []) + resourceNotes(folder)
      reportStart(inputs, origin, threads: threads, peak: peak, notes: notes)
    }
  }
}
