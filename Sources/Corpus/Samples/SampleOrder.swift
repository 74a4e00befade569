import Host

/// The order of an entry's samples in one epoch: a pseudo-random permutation of `0..<count` that is computed, not stored.
///
/// A balanced Feistel network over the smallest even number of bits that holds `count`, applied repeatedly until the
/// result is below `count` (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, the cycle-walking cipher):
/// fewer than four times on average. Up to 12 samples, all permutations are enumerated and the epochs use them in a
/// shuffled order, so that none repeats before all have been used.
public struct SampleOrder: Sendable {
  public let count: Int
  private let halfBits: UInt64
  /// The round keys; up to `enumeratedCount` samples, `keys[0]` is the permutation itself, 4 bits a sample.
  private var keys = SIMD8<UInt64>()

  private static let enumeratedCount = 12

  /// - Parameters:
  ///   - count: the number of samples, at least 1.
  ///   - entry: the index of the entry in `data.train`.
  public init(count: Int, seed: UInt64, entry: Int, epoch: Int) {
    precondition(count > 0 && entry >= 0 && epoch >= 0)
    self.count = count
    let bits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
    halfBits = max(1, (bits + 1) / 2)
    let entryKey = SplitMix64.mixed(SplitMix64.mixed(seed) ^ UInt64(entry))
    if count <= Self.enumeratedCount {
      keys[0] = Self.enumeratedOrder(count, entryKey: entryKey, epoch: UInt64(epoch))
      return
    }
    var state = SplitMix64.mixed(entryKey ^ UInt64(epoch))
    for round in 0..<8 {
      state &+= SplitMix64.increment
      keys[round] = SplitMix64.mixed(state)
    }
  }

  /// The sample at `position` of the epoch, 0..<count.
  public subscript(position: Int) -> Int {
    precondition(position >= 0 && position < count)
    if count <= Self.enumeratedCount { return Int(keys[0] >> UInt64(4 * position) & 15) }
    var value = UInt64(position)
    repeat { value = permuted(value) } while value >= UInt64(count)
    return Int(value)
  }

  /// One pass through the network: a permutation of `0..<2^(2·halfBits)`.
  private func permuted(_ value: UInt64) -> UInt64 {
    let mask: UInt64 = 1 << halfBits - 1
    var (left, right) = (value >> halfBits, value & mask)
    for round in 0..<8 {
      (left, right) = (right, left ^ (SplitMix64.mixed(right ^ keys[round]) & mask))
    }
    return left << halfBits | right
  }

  /// This epoch's permutation out of all `count!`, 4 bits a sample.
  private static func enumeratedOrder(_ count: Int, entryKey: UInt64, epoch: UInt64) -> UInt64 {
    let permutations = (1...count).reduce(UInt64(1)) { $0 * UInt64($1) }
    var step = SplitMix64.mixed(entryKey &+ 1) % permutations + 1
    while greatestCommonDivisor(step, permutations) != 1 { step += 1 }
    var rank = (entryKey % permutations + epoch % permutations * step) % permutations
    var remaining: UInt64 = 0xFEDC_BA98_7654_3210
    var order: UInt64 = 0
    for position in 0..<count {
      let choices = UInt64(count - position)
      let shift = 4 * (rank % choices)
      rank /= choices
      order |= (remaining >> shift & 15) << UInt64(4 * position)
      let below = UInt64(1) << shift - 1
      remaining = remaining & below | remaining >> 4 & ~below
    }
    return order
  }

  private static func greatestCommonDivisor(_ first: UInt64, _ second: UInt64) -> UInt64 {
    var (first, second) = (first, second)
    while second != 0 { (first, second) = (second, first % second) }
    return first
  }
}
