import Communication
import Configuration
import Display
import Host
import RunFiles
import Storage
import Transformer

/// Saves a run's state: at once, or from a copy while the run goes on; and removes what its checkpoints replace.
///
/// The same on every rank; rank 0 writes and keeps the copy. A checkpoint that cannot be written, because the disk is
/// full say, costs the run nothing but that checkpoint.
final class CheckpointSaver {
  /// What became of a checkpoint. Rank 0 alone hears of it.
  enum Outcome {
    case saved(Saved)
    case failed(step: Int, any Error)
  }

  /// A checkpoint on the disk.
  struct Saved: Sendable {
    let step: Int
    let path: String
    /// From the copy of the state, where there was one, to the disk.
    let seconds: Double
    let inBackground: Bool
  }

  private let folder: RunFolder
  private let settings: RunConfiguration.CheckpointSection
  /// Whether a step's checkpoint stays for ever.
  private let isKept: (_ step: Int) -> Bool
  private let origin: Checkpoint.Origin
  private let communicator: Communicator
  /// Called on rank 0 before a checkpoint is begun, to have the log on the disk that belongs to it.
  private let prepare: () throws -> Void
  private let report: (Outcome) -> Void
  /// Rank 0's room for a copy of the state; nil where the run waits for its checkpoints.
  private var copy: TrainingState?
  /// What is being written behind the run's back.
  private var task: (step: Int, work: BackgroundTask<Saved>)?
  /// The step that the newest checkpoint on the disk is of, as far as rank 0 knows.
  private var savedStep: Int?
  /// What the longest checkpoint so far took, on rank 0.
  private(set) var longestSeconds = 0.0

  /// - Parameters:
  ///   - savedStep: the step of a checkpoint that the folder has already.
  ///   - isKept: whether a step's checkpoint stays for ever.
  ///   - report: hears, on rank 0, of each checkpoint's fate, from within this object's methods.
  init(
    _ configuration: RunConfiguration, _ layout: ParameterLayout, _ origin: Checkpoint.Origin, _ folder: RunFolder,
    savedStep: Int?, isKept: @escaping (_ step: Int) -> Bool, _ communicator: Communicator,
    prepare: @escaping () throws -> Void,
    report: @escaping (Outcome) -> Void
  ) {
    settings = configuration.checkpoint
    self.folder = folder
    self.isKept = isKept
    self.origin = origin
    self.communicator = communicator
    self.savedStep = savedStep
    self.prepare = prepare
    self.report = report
    copy = settings.background && communicator.isRoot ? TrainingState(layout, configuration.makeOptimizer()) : nil
  }

  /// Says what has become of the checkpoint that was being written, if it is done.
  func poll() {
    guard let task, let result = task.work.result else { return }
    self.task = nil
    end(task.step, result)
  }

  /// Waits for the checkpoint that is being written, if there is one, and says what has become of it.
  func settle() {
    guard let task else { return }
    _ = task.work.wait()
    poll()
  }

  /// Saves, in the background where the configuration says so. Collective.
  ///
  /// - Throws: `CommunicationError`.
  func save(_ state: TrainingState) throws {
    if case .failure(let error) = try attempt(state, inBackground: settings.background), communicator.isRoot {
      report(.failed(step: state.progress.step, error))
    }
  }

  /// Saves where the state is not on the disk yet, and returns when it is. Collective.
  ///
  /// - Parameter isUrgent: whether an older checkpoint that is still being written is given up for this one.
  /// - Throws: `AgreedError` where it could not be saved, on every rank; `CommunicationError`.
  func finish(_ state: TrainingState, isUrgent: Bool) throws {
    let step = state.progress.step
    if isUrgent, let task, task.step != step { task.work.cancel() }
    settle()
    let isSaved = try communicator.broadcast(savedStep == step ? 1 : 0) == 1
    if isSaved { return }
    let outcome = try attempt(state, inBackground: false)
    try communicator.rootOnly { try outcome.get() }
  }

  /// - Returns: on rank 0 whether it was written, or begun to be written.
  private func attempt(_ state: TrainingState, inBackground: Bool) throws -> Result<Void, any Error> {
    let ready = Result { if communicator.isRoot { try makeReady(state) } }
    guard try communicator.all((try? ready.get()) != nil) else { return ready }
    return inBackground ? try begin(state) : try write(state)
  }

  /// On rank 0: what must be so before anything is written.
  private func makeReady(_ state: TrainingState) throws {
    settle()
    try prepare()
    let needed = Checkpoint.numberBytes(state.layout, state.optimizer)
    if let available = DiskSpace.available(in: folder.path), available < needed {
      throw StorageError(
        .failed, folder.checkpoint(step: state.progress.step),
        "cannot be written: it takes \(Quantity.bytes(needed)), the disk has \(Quantity.bytes(available)) left; free "
          + "some space")
    }
  }

  private func write(_ state: TrainingState) throws -> Result<Void, any Error> {
    let (start, step) = (ContinuousClock.now, state.progress.step)
    let path = folder.checkpoint(step: step)
    do {
      try Checkpoint.write(state, origin, to: path, communicator)
    } catch let error as CommunicationError {
      throw error
    } catch {
      return .failure(error)
    }
    if communicator.isRoot {
      let seconds = (ContinuousClock.now - start).inSeconds
      end(step, .success(Saved(step: step, path: path, seconds: seconds, inBackground: false)))
    }
    return .success(())
  }

  /// Copies the state to rank 0 and has it written from there.
  private func begin(_ state: TrainingState) throws -> Result<Void, any Error> {
    let start = ContinuousClock.now
    var places = (copy?.stateOfTensors ?? [])[...]
    try StateExchange(state, communicator).collect { _, _, floats in
      _ = places.popFirst()?.update(from: floats)
    }
    copy?.progress = state.progress
    guard let copy else { return .success(()) }
    _ = copy.parameters.floats.update(from: state.parameters.floats)

    let (step, path, origin) = (state.progress.step, folder.checkpoint(step: state.progress.step), origin)
    @Sendable func write(inBackground: Bool, _ goOn: () throws -> Void) throws -> Saved {
      try Checkpoint.write(copy, origin, to: path, goOn: goOn)
      let seconds = (ContinuousClock.now - start).inSeconds
      return Saved(step: step, path: path, seconds: seconds, inBackground: inBackground)
    }
    do {
      task = (step, try BackgroundTask("checkpoint") { try write(inBackground: true, $0) })
    } catch {
      // Without a thread for it, the run waits for this checkpoint.
      end(step, Result { try write(inBackground: false) {} })
    }
    return .success(())
  }

  /// On rank 0: the end of a checkpoint's writing.
  private func end(_ step: Int, _ result: Result<Saved, any Error>) {
    switch result {
    case .success(let saved):
      savedStep = saved.step
      longestSeconds = max(longestSeconds, saved.seconds)
      // Only now that the new one is on the disk.
      folder.keepNewest(settings.keep, sparing: isKept)
      report(.saved(saved))
    case .failure(is CancellationError): break
    case .failure(let error): report(.failed(step: step, error))
    }
  }
}
