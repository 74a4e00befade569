/// The merges of a byte-level BPE: for each mergeable pair of tokens, the merged token and its rank.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    /// Lower ranks are merged first.
    var rank: Int32
    /// The merged token.
    var token: Int32
  }

  private struct Slot {
    var pair: UInt64
    var merge: Merge
  }

  /// Marks an empty slot. Not a pair of tokens, because ids are below 2^31.
  private static let empty = UInt64.max

  private var slots: [Slot]
  private var mask: Int
  private(set) var count = 0

  /// - Parameter capacity: the maximum number of merges.
  init(capacity: Int) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slots = Array(repeating: Slot(pair: Self.empty, merge: Merge(rank: .max, token: 0)), count: size)
    mask = size - 1
  }

  static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The merge of two adjacent tokens; its rank is `Int32.max` if there is none.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge {
    let key = MergeTable.key(left, right)
    var place = MergeTable.hash(key) & mask
    while true {
      let slot = slots[place]
      if slot.pair == key { return slot.merge }
      if slot.pair == MergeTable.empty { return Merge(rank: .max, token: 0) }
      place = (place + 1) & mask
    }
  }

  /// Adds a merge, replacing an earlier one of the same pair.
  ///
  /// - Precondition: no more pairs than the capacity.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let key = MergeTable.key(left, right)
    var place = MergeTable.hash(key) & mask
    while slots[place].pair != MergeTable.empty && slots[place].pair != key { place = (place + 1) & mask }
    if slots[place].pair == MergeTable.empty { count += 1 }
    precondition(2 * count <= slots.count, "more merges than the capacity")
    slots[place] = Slot(pair: key, merge: merge)
  }

  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    var value = key &* 0x9e37_79b9_7f4a_7c15
    value ^= value >> 29
    return Int(truncatingIfNeeded: (value &* 0xbf58_476d_1ce4_e5b9) >> 20)
  }
}
