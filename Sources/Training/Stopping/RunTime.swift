import Configuration
import Host

/// The elapsed time of a run and its limits, by one rank's clock.
struct RunTime {
  private let start = ContinuousClock.now
  /// Seconds after the start at which the run must have ended.
  private let limit: Double?
  /// Seconds from one checkpoint to the next.
  private let interval: Double?
  private var longestStep = 0.0
  private var lastSave = ContinuousClock.now

  init(_ configuration: RunConfiguration) {
    limit = configuration.training.timeLimit
    interval = configuration.checkpoint.everyMinutes.map { 60 * $0 }
  }

  /// Whether the time left is too short for another step, as long as the longest so far, and a checkpoint.
  func isRunningOut(checkpointSeconds seconds: Double) -> Bool {
    limit.map { (ContinuousClock.now - start).inSeconds + longestStep + seconds >= $0 } ?? false
  }

  /// Whether a checkpoint is due.
  var isSaveDue: Bool { interval.map { (ContinuousClock.now - lastSave).inSeconds >= $0 } ?? false }

  mutating func recordStep(seconds: Double) { longestStep = max(longestStep, seconds) }

  /// Records that a checkpoint was attempted, successfully or not.
  mutating func recordSaveAttempt() { lastSave = .now }
}
