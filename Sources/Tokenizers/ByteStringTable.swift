import Foundation

/// A hash table from byte strings to integers.
///
/// Open addressing; the bytes of all keys are in one array. Single keys cannot be removed.
struct ByteStringTable: Sendable {
  private struct Slot {
    var hash: UInt32 = 0
    /// 0 for an empty slot; otherwise one more than the length of the key.
    var length: UInt32 = 0
    var start: Int = 0
    var value: Int = 0
  }

  private var slots: [Slot]
  private var bytes: [UInt8] = []
  private(set) var count = 0

  /// The total number of bytes of all keys.
  var keyBytes: Int { bytes.count }

  /// - Parameter capacity: the expected number of keys. The table grows beyond it.
  init(capacity: Int = 8) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    slots = Array(repeating: Slot(), count: size)
  }

  /// The value of a key. O(its length).
  subscript(key: UnsafeBufferPointer<UInt8>) -> Int? {
    let slot = slots[place(of: key, hash: ByteStringTable.hash(key))]
    return slot.length == 0 ? nil : slot.value
  }

  /// The value of a key. O(its length).
  subscript(key: some Sequence<UInt8>) -> Int? {
    Array(key).withUnsafeBufferPointer { self[$0] }
  }

  /// Adds a key unless the table has it.
  ///
  /// - Returns: the value of the key, which is `value` if it is new.
  @discardableResult
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int) -> Int {
    let hash = ByteStringTable.hash(key)
    let place = place(of: key, hash: hash)
    if slots[place].length != 0 { return slots[place].value }
    slots[place] = Slot(hash: hash, length: UInt32(truncatingIfNeeded: key.count + 1), start: bytes.count, value: value)
    bytes.append(contentsOf: key)
    count += 1
    if 2 * count > slots.count { grow() }
    return value
  }

  @discardableResult
  mutating func insert(_ key: some Sequence<UInt8>, _ value: Int) -> Int {
    Array(key).withUnsafeBufferPointer { insert($0, value) }
  }

  /// Removes all keys, but keeps the memory.
  mutating func removeAll() {
    for index in slots.indices { slots[index] = Slot() }
    bytes.removeAll(keepingCapacity: true)
    count = 0
  }

  /// Calls `body` with each key and its value, in order of insertion.
  func visit(_ body: (ArraySlice<UInt8>, Int) throws -> Void) rethrows {
    for slot in slots.filter({ $0.length != 0 }).sorted(by: { $0.start < $1.start }) {
      try body(bytes[slot.start..<slot.start + Int(slot.length) - 1], slot.value)
    }
  }

  /// The slot of a key, or the empty slot where it would be inserted.
  private func place(of key: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int {
    let mask = slots.count - 1
    let length = UInt32(truncatingIfNeeded: key.count + 1)
    var place = Int(hash) & mask
    return slots.withUnsafeBufferPointer { slots in
      bytes.withUnsafeBufferPointer { bytes in
        while slots[place].length != 0 {
          let slot = slots[place]
          if slot.hash == hash && slot.length == length, isEqual(key, bytes, from: slot.start) { return place }
          place = (place + 1) & mask
        }
        return place
      }
    }
  }

  @inline(__always)
  private func isEqual(_ key: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool
  {
    guard let base = key.baseAddress, let other = bytes.baseAddress else { return key.isEmpty }
    return memcmp(base, other + start, key.count) == 0
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: Slot(), count: 2 * old.count)
    let mask = slots.count - 1
    for slot in old where slot.length != 0 {
      var place = Int(slot.hash) & mask
      while slots[place].length != 0 { place = (place + 1) & mask }
      slots[place] = slot
    }
  }

  /// Mixes in eight bytes at a time by a 128-bit multiplication.
  private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let raw = UnsafeRawBufferPointer(key)
    var state = UInt64(truncatingIfNeeded: raw.count) ^ 0x9e37_79b9_7f4a_7c15
    var position = 0
    while position + 8 <= raw.count {
      state = mixed(state ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      position += 8
    }
    var rest: UInt64 = 0
    while position < raw.count {
      rest = rest << 8 | UInt64(raw[position])
      position += 1
    }
    state = mixed(state ^ rest)
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }
}
