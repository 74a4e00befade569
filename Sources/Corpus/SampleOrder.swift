/// The order of an entry's samples in one epoch: a pseudo-random permutation of `0..<count`, computed, not stored.
///
/// A balanced Feistel network over the smallest even number of bits that holds `count`, walked along its cycle until it
/// falls inside (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, the cycle-walking cipher): on average
/// fewer than four walks. Up to 12 samples the permutations are few; they are numbered, and the epochs take one after
/// another in a shuffled order, so that none comes twice before all have come.
public struct SampleOrder: Sendable {
  public let count: Int
  private let halfBits: UInt64
  /// The round keys, or, up to `enumeratedCount` samples, the permutation itself, 4 bits a sample, in the first.
  private var keys = SIMD8<UInt64>()

  private static let enumeratedCount = 12

  /// - Parameters:
  ///   - count: how many samples there are, at least 1.
  ///   - entry: the number of the entry of `data.train`.
  public init(count: Int, seed: UInt64, entry: Int, epoch: Int) {
    precondition(count > 0 && entry >= 0 && epoch >= 0)
    self.count = count
    let bits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
    halfBits = max(1, (bits + 1) / 2)
    let entryKey = Self.mixed(Self.mixed(seed) ^ UInt64(entry))
    if count <= Self.enumeratedCount {
      keys[0] = Self.enumeratedOrder(count, entryKey: entryKey, epoch: UInt64(epoch))
      return
    }
    var state = Self.mixed(entryKey ^ UInt64(epoch))
    for round in 0..<8 {
      state &+= 0x9E37_79B9_7F4A_7C15
      keys[round] = Self.mixed(state)
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
      (left, right) = (right, left ^ (Self.mixed(right ^ keys[round]) & mask))
    }
    return left << halfBits | right
  }

  /// The permutation of this epoch out of all `count!` of them, 4 bits a sample.
  private static func enumeratedOrder(_ count: Int, entryKey: UInt64, epoch: UInt64) -> UInt64 {
    let permutations = (1...count).reduce(UInt64(1)) { $0 * UInt64($1) }
    var step = mixed(entryKey &+ 1) % permutations + 1
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

  /// SplitMix64's finalizer (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var value = value &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
