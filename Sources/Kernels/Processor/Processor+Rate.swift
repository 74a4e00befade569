import Tensors

extension Processor {
  /// The minimum duration of one timing: several of the system's time slices. A shorter timing would mostly fall within one
  /// slice, and ranks that share a processor would each report its full speed.
  private static let minimumSecondsOfRate = 0.008

  /// The rate of `work`, which is `operations` operations, per second, timed over at least three rounds.
  ///
  /// - Parameter seconds: a clock, in seconds.
  static func rate(of operations: Double, seconds: () -> Double, _ work: () -> Void) -> Double {
    let start = seconds()
    var (rounds, elapsed) = (0.0, 0.0)
    while rounds < 3 || elapsed < minimumSecondsOfRate {
      work()
      rounds += 1
      elapsed = seconds() - start
    }
    return rounds * operations / max(elapsed, 1e-9)
  }

  /// The rate of the team's multiply-adds in registers, in operations per second, which its products cannot exceed: the
  /// median of five timings.
  ///
  /// Without bf16 arithmetic, the rate of bf16 is that of fp32, because products widen their operands.
  /// - Parameter seconds: a clock, in seconds.
  public static func measureArithmetic(_ type: ElementType, on team: ThreadTeam, seconds: () -> Double) -> Double {
    let turns = 50_000
    let operations = Double(team.count * turns * kernels.vectors.operationsOfTurn(type))
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: team.count) { results in
      let results = results
      func multiply() {
        team.forEach(team.count) { index, _ in results[index] = kernels.vectors.multiplyAdds(type, turns: turns) }
      }
      multiply()
      let rates = (0..<5).map { _ in rate(of: operations, seconds: seconds, multiply) }
      precondition(results.allSatisfy { $0.isFinite }, "sums of multiply-adds: \(Array(results))")
      return rates.upperMedian
    }
  }
}
