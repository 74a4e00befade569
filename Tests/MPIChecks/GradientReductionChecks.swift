import CMalloc
import Communication
import Foundation

/// The gradients of ranks 0, 1, …, which every rank can compute.
private func terms(count: Int, ranks: Int, seed: Int) -> [[Float]] {
  (0..<ranks).map { rank in
    var random = Random(seed: seed &* 1000 &+ rank)
    return (0..<count).map { _ in random.nextFloat() }
  }
}

private func sumInRankOrder(_ terms: [[Float]], _ index: Int) -> Float {
  terms.dropFirst().reduce(terms[0][index]) { $0 + $1[index] }
}

/// Reduces buckets of the given lengths, with gaps of `gap` floats between them, and compares the bits of the sums.
///
/// - Parameter order: the buckets to reduce, in order; nil for all.
private func reduce(
  _ all: Communicator, lengths: [Int], gap: Int = 3, seed: Int, order: [Int]? = nil
) throws {
  var buckets: [Range<Int>] = []
  var start = gap
  for length in lengths {
    buckets.append(start..<start + length)
    start += length + gap
  }
  let contributions = terms(count: start, ranks: all.size, seed: seed)
  var buffer = contributions[all.rank]
  var sent = 0
  let order = order ?? Array(buckets.indices)
  try buffer.withUnsafeMutableBufferPointer { floats in
    let reduction = GradientReduction(communicator: all, buffer: floats, buckets: buckets)
    for bucket in order { try reduction.begin(bucket: bucket) }
    try reduction.finish()
    sent = reduction.bytesSent
    try expect(reduction.scratchBytes <= 16 << 20, "\(reduction.scratchBytes) bytes of scratch")
  }
  var inBucket = [Bool](repeating: false, count: start)
  for bucket in order { for index in buckets[bucket] { inBucket[index] = true } }
  for index in buffer.indices {
    let expected = inBucket[index] ? sumInRankOrder(contributions, index) : contributions[all.rank][index]
    guard buffer[index].bitPattern == expected.bitPattern else {
      throw Failure(description: "lengths \(lengths): element \(index) is \(buffer[index]), not \(expected)")
    }
  }
  let expectedBytes = order.reduce(0) { total, bucket in
    let length = lengths[bucket]
    let own = GradientReduction.share(of: 0..<length, rank: all.rank, ranks: all.size).count
    return total + 4 * (length - own + own * (all.size - 1))
  }
  try expect(sent, is: all.size == 1 ? 0 : expectedBytes, "bytes sent")
}

func checkGradientReduction(_ checks: Checks) throws {
  try checks.check("slices cover a range") { all in
    for count in [0, 1, 2, 7, 8, 9, 1000, 1009] {
      let slices = (0..<all.size).map { (5..<5 + count).slice($0, of: all.size) }
      try expect(slices.flatMap { Array($0) }, is: Array(5..<5 + count), "elements")
      try expect((slices.map(\.count).max() ?? 0) - (slices.map(\.count).min() ?? 0) <= 1, "unequal slices")
    }
  }
  try checks.check("slices of whole granules cover a range") { all in
    for count in [0, 1, 1023, 1024, 1025, 5000, 100_000] {
      let slices = (0..<all.size).map { (5..<5 + count).slice($0, of: all.size, granule: 1024) }
      try expect(slices.flatMap { Array($0) }, is: Array(5..<5 + count), "elements")
      for slice in slices where !slice.isEmpty { try expect((slice.lowerBound - 5) % 1024, is: 0, "a bound") }
      try expect(slices.map(\.count).max() ?? 0, is: slices[0].count, "the longest")
    }
  }
  try checks.check("rounds are added in order") { all in
    for gathers in [true, false] { try reduceInRounds(all, gathers: gathers) }
  }
  try checks.check("reduction of odd sizes") { all in
    for length in [0, 1, 2, all.size - 1, all.size, all.size + 1, 15, 16, 17, 101, 997, 10_007] {
      try reduce(all, lengths: [length], seed: length)
    }
    try reduce(all, lengths: [], seed: 1)
  }
  try checks.check("reduction of a million floats") { all in
    try reduce(all, lengths: [1_000_003], seed: 2)
  }
  try checks.check("reduction of a bucket in many pieces") { all in
    try reduce(all, lengths: [5, 4_500_001, 0, 300_000], seed: 3)
  }
  try checks.check("many buckets begun before finish") { all in
    try reduce(all, lengths: (0..<60).map { $0 * 61 % 1013 }, seed: 4)
    try reduce(all, lengths: (0..<60).map { $0 * 6007 % 20_011 }, seed: 5)
    try reduce(all, lengths: [Int](repeating: 4096, count: 20), seed: 6, order: Array((0..<20).reversed()))
    try reduce(all, lengths: [40, 50_000, 60], seed: 6, order: [2, 1])
  }
  try checks.check("ranks call at different times") { all in
    try reduceOutOfStep(all)
  }
  try checks.check("two reductions at once") { all in
    let contributions = (0..<2).map { terms(count: 50_000, ranks: all.size, seed: 10 + $0) }
    let buckets = (0..<4).map { (0..<50_000).slice($0, of: 4) }
    var first = contributions[0][all.rank]
    var second = contributions[1][all.rank]
    try first.withUnsafeMutableBufferPointer { first in
      try second.withUnsafeMutableBufferPointer { second in
        let reductions = [first, second].map {
          GradientReduction(communicator: all, buffer: $0, buckets: buckets)
        }
        // Odd ranks begin the second reduction first.
        for reduction in all.rank.isMultiple(of: 2) ? reductions : reductions.reversed() {
          for bucket in buckets.indices { try reduction.begin(bucket: bucket) }
        }
        for reduction in reductions { try reduction.finish() }
      }
    }
    for index in 0..<50_000 {
      try expect(first[index].bitPattern, is: sumInRankOrder(contributions[0], index).bitPattern, "\(index)")
      try expect(second[index].bitPattern, is: sumInRankOrder(contributions[1], index).bitPattern, "\(index)")
    }
  }
  try checks.check("NaN and infinity reach all ranks") { all in
    var buffer = [Float](repeating: 1, count: 1000)
    if all.rank == all.size - 1 {
      buffer[17] = .nan
      buffer[999] = -.infinity
    }
    try buffer.withUnsafeMutableBufferPointer {
      let reduction = GradientReduction(communicator: all, buffer: $0, buckets: [0..<500, 500..<1000])
      try reduction.begin(bucket: 1)
      try reduction.begin(bucket: 0)
      try reduction.finish()
    }
    try expect(buffer[17].isNaN, "NaN was lost")
    try expect(buffer[999], is: -.infinity)
    try expect(buffer[16], is: Float(all.size))
  }
  try checks.check("fifty rounds, the same bits, no allocation") { all in
    try reduceManyRounds(all)
  }
}

/// Reduces 24 micro-batches, one per rank and round. The sum is added from left to right for any number of ranks that
/// divides 24.
private func reduceInRounds(_ all: Communicator, gathers: Bool) throws {
  let terms = terms(count: 24_000, ranks: 24, seed: 12)
  let (rounds, lengths) = (24 / all.size, [1, 9000, 0, 2999, 12_000])
  var (buckets, start) = ([Range<Int>](), 0)
  for length in lengths {
    buckets.append(start..<start + length)
    start += length
  }
  var buffer = [Float](repeating: 0, count: 24_000)
  try buffer.withUnsafeMutableBufferPointer { floats in
    let reduction = GradientReduction(
      communicator: all, buffer: floats, buckets: buckets, rounds: rounds, gathers: gathers)
    // The second step must not depend on the first.
    for _ in 0..<2 {
      for round in 0..<rounds {
        for index in floats.indices { floats[index] = terms[round * all.size + all.rank][index] }
        for bucket in buckets.indices.reversed() { try reduction.begin(bucket: bucket) }
        try reduction.finish()
      }
    }
    let sent =
      2
      * buckets.reduce(0) { total, bucket in
        let own = GradientReduction.share(of: bucket, rank: all.rank, ranks: all.size).count
        return total + 4 * (rounds * (bucket.count - own) + (gathers ? own * (all.size - 1) : 0))
      }
    try expect(reduction.bytesSent, is: sent, "bytes sent")
  }
  for bucket in buckets {
    for index in gathers ? bucket : GradientReduction.share(of: bucket, rank: all.rank, ranks: all.size) {
      try expect(buffer[index].bitPattern, is: sumInRankOrder(terms, index).bitPattern, "element \(index)")
    }
  }
}

/// Each rank sleeps for a random time before each call.
private func reduceOutOfStep(_ all: Communicator) throws {
  var random = Random(seed: all.rank)
  let contributions = terms(count: 64_000, ranks: all.size, seed: 7)
  var buffer = contributions[all.rank]
  try buffer.withUnsafeMutableBufferPointer { floats in
    let buckets = (0..<16).map { $0 * 4000..<($0 + 1) * 4000 }
    let reduction = GradientReduction(communicator: all, buffer: floats, buckets: buckets)
    for bucket in buckets.indices {
      usleep(UInt32(random.next() % 3000))
      try reduction.begin(bucket: bucket)
    }
    try reduction.finish()
  }
  for index in buffer.indices {
    try expect(buffer[index].bitPattern, is: sumInRankOrder(contributions, index).bitPattern, "element \(index)")
  }
}

private func reduceManyRounds(_ all: Communicator) throws {
  let count = 50_000
  let contributions = terms(count: count, ranks: all.size, seed: 8)
  let own = contributions[all.rank]
  let expected = (0..<count).map { sumInRankOrder(contributions, $0) }
  let buckets = (0..<10).map { (0..<count).slice($0, of: 10) }
  var buffer = own
  try buffer.withUnsafeMutableBufferPointer { floats in
    let reduction = GradientReduction(communicator: all, buffer: floats, buckets: buckets)
    var (afterWarmUp, mostInUse, growths) = (0, 0, 0)
    for round in 0..<50 {
      for index in floats.indices { floats[index] = own[index] }
      for bucket in buckets.indices { try reduction.begin(bucket: bucket) }
      try reduction.finish()
      for index in floats.indices where floats[index].bitPattern != expected[index].bitPattern {
        throw Failure(description: "round \(round): element \(index) is \(floats[index]), not \(expected[index])")
      }
      // Open MPI's free lists grow in the first rounds, and occasionally later if a rank is late. A leak of the
      // reduction would grow in every round.
      let inUse = phd_allocated_bytes()
      if round == 10 { afterWarmUp = inUse }
      if round > 10 && inUse > mostInUse { growths += 1 }
      mostInUse = max(mostInUse, inUse)
    }
    try expect(growths < 13, "memory in use grew in \(growths) of 39 rounds")
    // Allows two segments of a free list, 64 KiB each.
    let growth = mostInUse - afterWarmUp
    try expect(growth < 2 * 65_536 + 16_384, "\(growth) bytes allocated in 39 rounds")
    try expect(
      reduction.secondsWaiting <= reduction.secondsInFinish, "the waiting time is longer than the time in finish")
  }
}
