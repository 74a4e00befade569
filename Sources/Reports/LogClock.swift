import Foundation
import JSON

/// The wall-clock times of a run's steps, computed from each start's time and the seconds of the steps since then.
struct LogClock {
  /// For each start: its first step, its time in seconds since 1970, and the run's seconds of training before it.
  private let starts: [(step: Int, time: Double, elapsed: Double)]
  private let run: RunLog

  init(_ run: RunLog) {
    self.run = run
    starts = run.starts.compactMap { record in
      guard let time = record["time"]?.string, let date = try? Date(time, strategy: .iso8601) else { return nil }
      let step = record["resumed_from_step"]?.integer ?? 0
      return (step, date.timeIntervalSince1970, LogClock.elapsed(run, at: step))
    }
  }

  /// The time of the first start in seconds since 1970; 0 if the log contains none.
  var start: Double { starts.first?.time ?? 0 }

  /// The time at which a step ended, in seconds since 1970, from the last start before the step.
  func time(of step: Int) -> Double {
    let elapsed = LogClock.elapsed(run, at: step)
    guard let start = starts.last(where: { $0.step < step }) else { return elapsed }
    return start.time + elapsed - start.elapsed
  }

  /// Seconds of training up to the end of a step.
  private static func elapsed(_ run: RunLog, at step: Int) -> Double {
    let next = step == .max ? run.steps.count : run.firstIndex(from: step + 1)
    return next == 0 ? 0 : run.elapsed[next - 1]
  }
}
