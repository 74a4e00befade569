import Configuration
import Host

/// How long a run has gone on, and how long it may, by one rank's clock.
struct RunTime {
  private let start = ContinuousClock.now
  /// Seconds after the start at which it is to be over.
  private let limit: Double?
  /// Seconds from one checkpoint to the next.
  private let interval: Double?
  private var longestStep = 0.0
  private var lastSave = ContinuousClock.now

  init(_ configuration: RunConfiguration) {
    limit = configuration.training.timeLimit
    interval = configuration.checkpoint.everyMinutes.map { 60 * $0 }
  }

  /// Whether one more step, as long as the longest so far, and a checkpoint would no longer fit in.
  func isUp(checkpointTakes seconds: Double) -> Bool {
    limit.map { (ContinuousClock.now - start).inSeconds + longestStep + seconds >= $0 } ?? false
  }

  /// Whether it is time for a checkpoint.
  var wantsSave: Bool { interval.map { (ContinuousClock.now - lastSave).inSeconds >= $0 } ?? false }

  mutating func hasDoneStep(seconds: Double) { longestStep = max(longestStep, seconds) }

  /// A checkpoint was tried, whether or not it was saved.
  mutating func hasTriedToSave() { lastSave = .now }
}
