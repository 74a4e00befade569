/// A message between watchdogs: what a rank is doing, and for how long.
struct Heartbeat: Equatable {
  /// A random number that identifies the job.
  var job: UInt64
  var rank: Int
  var moment: RankActivity.Moment
  /// Seconds since the rank's step began, or since it entered a phase outside of steps.
  var seconds: Double

  static let byteCount = 40

  /// Five numbers of 64 bits, little-endian.
  var bytes: [UInt8] {
    let words = [
      job, UInt64(rank), UInt64(moment.phase.rawValue), UInt64(moment.step), UInt64(max(0, min(seconds, 1e15) * 1000)),
    ]
    return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
  }

  init(job: UInt64, rank: Int, moment: RankActivity.Moment, seconds: Double) {
    (self.job, self.rank, self.moment, self.seconds) = (job, rank, moment, seconds)
  }

  /// Nil if the bytes are not a heartbeat of this job.
  init?(_ bytes: [UInt8], job: UInt64, ranks: Int) {
    guard bytes.count == Heartbeat.byteCount else { return nil }
    let words = (0..<5).map { word in
      (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[8 * word + $1]) << (8 * UInt64($1)) }
    }
    guard words[0] == job, words[1] < UInt64(ranks), let phase = RankActivity.Phase(rawValue: Int(words[2] & 15)),
      words[3] < 1 << 60
    else { return nil }
    self.init(
      job: job, rank: Int(words[1]), moment: .init(phase: phase, step: Int(words[3])), seconds: Double(words[4]) / 1000)
  }
}
