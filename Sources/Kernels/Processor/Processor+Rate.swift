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
  /// Every thread runs enough independent chains of multiply-adds to hide their latency. Without bf16 arithmetic, the rate
  /// of bf16 is that of fp32, because products widen their operands.
  /// - Parameter seconds: a clock, in seconds.
  public static func measureArithmetic(_ type: ElementType, on team: ThreadTeam, seconds: () -> Double) -> Double {
    let multipliesPairs = type == .bf16 && MicroKernel.current.multipliesBF16
    let operationsPerLane = multipliesPairs ? 4 : 2
    let turns = 50_000
    let operations = Double(team.count * turns * MicroKernel.current.chains * vectorWidth * operationsPerLane)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: team.count) { results in
      let results = results
      func multiply() {
        team.forEach(team.count) { index, _ in
          results[index] = multipliesPairs ? chains(BF16Pair(bits: 0x3f00_3e80), turns) : chains(Float(0.5), turns)
        }
      }
      multiply()
      let rates = (0..<5).map { _ in rate(of: operations, seconds: seconds, multiply) }
      precondition(results.allSatisfy { $0.isFinite }, "sums of multiply-adds: \(Array(results))")
      return rates.upperMedian
    }
  }

  /// The sum of independent chains of multiply-adds. They start with different values, because the compiler would merge
  /// equal ones.
  private static func chains<Lane: PackedLane>(_ factor: Lane, _ turns: Int) -> Float {
    MicroKernel.current.chains == 12
      ? chains(InlineArray<12, Vector>.self, factor, turns) : chains(InlineArray<6, Vector>.self, factor, turns)
  }

  @inline(never)
  private static func chains<Lane: PackedLane, let count: Int>(
    _: InlineArray<count, Vector>.Type, _ factor: Lane, _ turns: Int
  ) -> Float {
    var sums = InlineArray<count, Vector>(repeating: .zero)
    for index in 0..<count { sums[index] = Vector(repeating: Float(index)) }
    let lanes = Vector(repeating: 0.25)
    for _ in 0..<turns {
      for index in 0..<count { sums[unchecked: index] = factor.product(lanes, addedTo: sums[unchecked: index]) }
    }
    var sum = Vector.zero
    for index in 0..<count { sum += sums[index] }
    return sum.laneSum
  }
}
