/// Keys and values of one sequence in one layer, for every kv head: what a KV cache is made of.
///
/// Keys lie turned in panels of 64, [panel][padded e][64], values one below the other, [slot][padded e]: as
/// ``BlockProduct`` reads them. So decoding reads each once, where it is, and moves none.
public final class KeyStore: @unchecked Sendable {
  // Unchecked: as with any buffer, who writes where is the caller's business.

  public let heads: HeadShape
  /// Keys that there is room for: as many as asked for, in whole panels.
  public let slots: Int
  private let buffer: Buffer

  public init(_ heads: HeadShape, slots: Int) {
    self.heads = heads
    self.slots = KeyStore.whole(slots)
    buffer = Buffer(count: KeyStore.bytes(heads, slots: slots) / MemoryLayout<Float>.stride)
  }

  private static func whole(_ slots: Int) -> Int {
    (slots + BlockProduct.panel - 1) / BlockProduct.panel * BlockProduct.panel
  }

  /// Bytes that a store takes.
  public static func bytes(_ heads: HeadShape, slots: Int) -> Int {
    2 * heads.keyValueHeads * whole(slots) * heads.paddedHeadSize * MemoryLayout<Float>.stride
  }

  /// Bytes of memory that it holds.
  public var bytes: Int { buffer.count * MemoryLayout<Float>.stride }

  private var perHead: Int { slots * heads.paddedHeadSize }

  /// The panels of one head's keys.
  @inline(__always)
  func panels(_ head: Int) -> UnsafeMutablePointer<Float> { buffer.pointer + head &* perHead }

  /// The rows of one head's values.
  @inline(__always)
  func values(_ head: Int) -> UnsafeMutablePointer<Float> {
    buffer.pointer + (heads.keyValueHeads &+ head) &* perHead
  }

  /// Where a key starts in its head's panels; its elements are ``BlockProduct/panel`` floats apart.
  @inline(__always)
  func offset(_ slot: Int) -> Int {
    let panel = BlockProduct.panel
    return slot / panel &* panel &* heads.paddedHeadSize &+ slot % panel
  }

  /// Copies keys and values of `count` slots of another store.
  public func copy(_ count: Int, from other: KeyStore, at first: Int, to target: Int) {
    precondition(
      heads == other.heads && first >= 0 && first + count <= other.slots && target >= 0 && target + count <= slots,
      "\(count) keys from \(first) of \(other.slots) to \(target) of \(slots)")
    let size = heads.paddedHeadSize
    for head in 0..<heads.keyValueHeads {
      (values(head) + target &* size).update(from: other.values(head) + first &* size, count: count &* size)
      for index in 0..<count {
        let from = other.panels(head) + other.offset(first &+ index)
        let to = panels(head) + offset(target &+ index)
        for element in 0..<heads.headSize {
          to[element &* BlockProduct.panel] = from[element &* BlockProduct.panel]
        }
      }
    }
  }
}
