import Communication
import Configuration
import Display
import Host
import RunFiles
import Storage
import Transformer

/// Saves a run's state, at once or in the background from a copy, and removes old checkpoints.
///
/// Every rank has one; rank 0 writes the files and holds the copy. If a checkpoint cannot be written, for example
/// because the disk is full, the run continues without it.
final class CheckpointSaver {
  /// The outcome of writing a checkpoint, reported on rank 0 only.
  enum Outcome {
    case saved(Saved)
    case failed(step: Int, any Error)
  }

  /// A checkpoint on the disk.
  struct Saved: Sendable {
    let step: Int
    let path: String
    /// Seconds until the file was on the disk, including the copy of the state.
    let seconds: Double
    let inBackground: Bool
  }

  private let folder: RunFolder
  private let settings: RunConfiguration.CheckpointSection
  /// Whether a step's checkpoint is never removed.
  private let isKept: (_ step: Int) -> Bool
  private let origin: Checkpoint.Origin
  private let communicator: Communicator
  /// Called on rank 0 before a checkpoint is written, to flush the log.
  private let prepare: () throws -> Void
  private let report: (Outcome) -> Void
  /// Rank 0's buffers for a copy of the state; nil if `checkpoint.background` is not set.
  private var copy: TrainingState?
  /// The checkpoint that is being written in the background.
  private var task: (step: Int, work: BackgroundTask<Saved>)?
  /// The step of the newest checkpoint on the disk, on rank 0.
  private var savedStep: Int?
  /// Seconds of the slowest checkpoint so far, on rank 0.
  private(set) var longestSeconds = 0.0

  /// - Parameters:
  ///   - savedStep: the step of the state if the folder already has its checkpoint.
  ///   - isKept: whether a step's checkpoint is never removed.
  ///   - report: called on rank 0 with the outcome of each checkpoint, from within this object's methods.
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

  /// Reports the outcome of the background checkpoint if it is finished.
  func poll() {
    guard let task, let result = task.work.result else { return }
    self.task = nil
    end(task.step, result)
  }

  /// Waits for the background checkpoint, if any, and reports its outcome.
  func waitForWrite() {
    guard let task else { return }
    _ = task.work.wait()
    poll()
  }

  /// Saves the state, in the background with `checkpoint.background`. Collective.
  ///
  /// - Throws: `CommunicationError`.
  func save(_ state: TrainingState) throws {
    if case .failure(let error) = try attempt(state, inBackground: settings.background), communicator.isRoot {
      report(.failed(step: state.progress.step, error))
    }
  }

  /// Saves the state unless it is already on the disk, and waits until it is. Collective.
  ///
  /// - Parameter isUrgent: whether to cancel an older checkpoint that is still being written.
  /// - Throws: `AgreedError` on every rank if the state could not be saved; `CommunicationError`.
  func finish(_ state: TrainingState, isUrgent: Bool) throws {
    let step = state.progress.step
    if isUrgent, let task, task.step != step { task.work.cancel() }
    waitForWrite()
    let isSaved = try communicator.broadcast(savedStep == step ? 1 : 0) == 1
    if isSaved { return }
    let outcome = try attempt(state, inBackground: false)
    try communicator.rootOnly { try outcome.get() }
  }

  /// - Returns: on rank 0, whether the checkpoint was written, or its writing has started.
  private func attempt(_ state: TrainingState, inBackground: Bool) throws -> Result<Void, any Error> {
    let ready = Result { if communicator.isRoot { try prepareToWrite(state) } }
    guard try communicator.all((try? ready.get()) != nil) else { return ready }
    return inBackground ? try startWriting(state) : try write(state)
  }

  /// On rank 0: waits for the previous checkpoint, flushes the log and checks the disk space.
  private func prepareToWrite(_ state: TrainingState) throws {
    waitForWrite()
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

  /// Copies the state to rank 0 and starts writing the copy.
  private func startWriting(_ state: TrainingState) throws -> Result<Void, any Error> {
    let start = ContinuousClock.now
    var places = (copy?.stateOfTensors ?? [])[...]
    try StateExchange(state, communicator).collect { _, _, floats in
      _ = places.popFirst()?.update(from: floats)
    }
    copy?.progress = state.progress
    guard let copy else { return .success(()) }
    _ = copy.parameters.floats.update(from: state.parameters.floats)

    let (step, path, origin) = (state.progress.step, folder.checkpoint(step: state.progress.step), origin)
    @Sendable func write(inBackground: Bool, _ checkCancellation: () throws -> Void) throws -> Saved {
      try Checkpoint.write(copy, origin, to: path, checkCancellation: checkCancellation)
      let seconds = (ContinuousClock.now - start).inSeconds
      return Saved(step: step, path: path, seconds: seconds, inBackground: inBackground)
    }
    do {
      task = (step, try BackgroundTask("checkpoint") { try write(inBackground: true, $0) })
    } catch {
      // If no thread can be started, write at once.
      end(step, Result { try write(inBackground: false) {} })
    }
    return .success(())
  }

  /// On rank 0: handles the result of writing a checkpoint.
  private func end(_ step: Int, _ result: Result<Saved, any Error>) {
    switch result {
    case .success(let saved):
      savedStep = saved.step
      longestSeconds = max(longestSeconds, saved.seconds)
      // Remove old checkpoints only after the new one is on the disk.
      folder.keepNewest(settings.keep, sparing: isKept)
      report(.saved(saved))
    case .failure(is CancellationError): break
    case .failure(let error): report(.failed(step: step, error))
    }
  }
}
