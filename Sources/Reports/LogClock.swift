import Foundation
import JSON

/// When a run's steps were, as far as its log says: each start's time, and the seconds of the steps since.
struct LogClock {
  /// Where each start began: its first step, when that was in seconds since 1970, and the run's seconds until then.
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

  /// When the run began; the beginning of 1970 where the log does not say.
  var start: Double { starts.first?.time ?? 0 }

  /// When a step was done. Of a run whose log goes back, by the last start that was before it.
  func time(of step: Int) -> Double {
    let elapsed = LogClock.elapsed(run, at: step)
    guard let start = starts.last(where: { $0.step < step }) else { return elapsed }
    return start.time + elapsed - start.elapsed
  }

  /// Seconds of training until a step was done.
  private static func elapsed(_ run: RunLog, at step: Int) -> Double {
    let next = step == .max ? run.steps.count : run.firstIndex(from: step + 1)
    return next == 0 ? 0 : run.elapsed[next - 1]
  }
}
