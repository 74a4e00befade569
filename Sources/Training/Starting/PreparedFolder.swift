import Configuration
import RunFiles
import Storage
import TensorBoard

/// A run's folder, ready for the run to write to. On rank 0; the other ranks have an empty one.
struct PreparedFolder {
  private(set) var log: LossLog?
  private(set) var tensorBoard: TensorBoardWriter?
  /// The steps before a decay, now and in earlier starts. Their checkpoints are kept, so that the run can be extended.
  private(set) var keptSteps: Set<Int> = []
  /// Notes for the user, one sentence each.
  private(set) var notes: [String] = []

  init() {}

  /// Removes what the run replaces, sets later checkpoints aside, and opens the log at the run's step.
  ///
  /// Call it only after everything that the run starts with is in memory, because it may remove the files.
  /// - Throws: `StorageError`.
  init(
    _ inputs: RunInputs, _ configuration: RunConfiguration, _ options: RunOptions, _ progress: RunProgress
  ) throws {
    let folder = inputs.folder
    if options.overwrite {
      try folder.clear(sparing: [inputs.checkpoint?.path, options.initializeFrom].compactMap { $0 })
    }
    try folder.removeUnfinished()
    var named: String?
    if case .file(let path) = options.resume { named = path }
    for path in try folder.setAside(after: progress.step, resuming: named) {
      notes.append("a later checkpoint is now \(path)")
    }
    try WholeFile.write(Array((configuration.resolved.pretty + "\n").utf8), to: folder.configuration)
    log = try LossLog(folder.log, continuingFrom: progress.step, awaitsValidation: progress.awaitsValidation)
    keptSteps = Set(try LossLog.starts(folder.log).compactMap { $0["decay_after_step"]?.integer })
    if let start = configuration.learningRateSchedule.decayStart { keptSteps.insert(start) }
    if configuration.log.tensorBoard {
      tensorBoard = try TensorBoardWriter(folder: folder.path, continuingFrom: progress.step)
    }
  }
}
