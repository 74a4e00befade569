/// The KV cache of one sequence in one layer: keys and values of every kv head.
///
/// Keys are transposed in panels of 64, [panel][lanes of padded e][64]; values are interleaved, [lanes of slots][padded
/// e]. ``BlockProduct`` reads both orders directly, so decoding reads each key and value once and moves none.
public final class KeyStore: @unchecked Sendable {
  // Unchecked: callers must not write to one slot from two threads.

  public let heads: HeadShape
  public let type: ElementType
  /// The capacity in keys: the requested number rounded up to whole panels.
  public let slots: Int
  private let buffer: Buffer

  public init(_ heads: HeadShape, _ type: ElementType, slots: Int) {
    self.heads = heads
    self.type = type
    self.slots = KeyStore.whole(slots)
    buffer = Buffer(count: KeyStore.bytes(heads, type, slots: slots) / MemoryLayout<Float>.stride)
  }

  private static func whole(_ slots: Int) -> Int {
    (slots + BlockProduct.panel - 1) / BlockProduct.panel * BlockProduct.panel
  }

  /// The number of bytes of a store with `slots` slots.
  public static func bytes(_ heads: HeadShape, _ type: ElementType, slots: Int) -> Int {
    2 * heads.keyValueHeads * whole(slots) * heads.paddedHeadSize * type.bytes
  }

  /// The number of bytes of address space.
  public var bytes: Int { buffer.count * MemoryLayout<Float>.stride }
  /// The number of bytes that are resident in memory: those of pages that have been touched.
  public var residentBytes: Int { buffer.residentBytes }

  private var bytesPerHead: Int { slots * heads.paddedHeadSize * type.bytes }

  private var base: UnsafeMutableRawPointer { UnsafeMutableRawPointer(buffer.pointer) }

  /// One head's transposed keys.
  @inline(__always)
  func panels(_ head: Int) -> UnsafeMutableRawPointer { base + head &* bytesPerHead }

  /// One head's interleaved values.
  @inline(__always)
  func values(_ head: Int) -> UnsafeMutableRawPointer { base + (heads.keyValueHeads &+ head) &* bytesPerHead }

  /// Address of a key's first lane in its head's panels; its lanes are ``BlockProduct/panel`` lanes apart.
  @inline(__always)
  private func address<Lane: PackedLane>(_: Lane.Type, ofKey slot: Int, _ head: Int) -> UnsafeMutablePointer<UInt32> {
    let panel = BlockProduct.panel
    let lanes = heads.paddedHeadSize / Lane.elements
    return panels(head).assumingMemoryBound(to: UInt32.self) + (slot / panel &* panel &* lanes &+ slot % panel)
  }

  /// Address of a value's first element; its elements are as many elements apart as a lane has.
  @inline(__always)
  private func address<Lane: PackedLane>(_: Lane.Type, ofValue slot: Int, _ head: Int) -> UnsafeMutableRawPointer {
    let row = slot / Lane.elements &* heads.paddedHeadSize &* MemoryLayout<UInt32>.size
    return values(head) + (row &+ slot % Lane.elements &* type.bytes)
  }

  /// A slot ← a head's key [padded e, zero beyond e] and value [e], rounded if the store is bf16.
  @inline(__always)
  func put<Source: LaneSource<Float>>(
    _: Source.Type, slot: Int, head: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>
  ) {
    let perLane = Source.Lane.elements
    let lanes = address(Source.Lane.self, ofKey: slot, head)
    for lane in 0..<heads.paddedHeadSize / perLane {
      lanes[lane &* BlockProduct.panel] = Source.oneLane(key + lane &* perLane, count: perLane)
    }
    let elements = Source.Lane.Row(address(Source.Lane.self, ofValue: slot, head))
    for column in 0..<heads.headSize { elements[column &* perLane] = value[column] }
  }

  /// Copies keys and values of `count` slots of another store, from slot `first` on, to slot `target` on.
  public func copy(_ count: Int, from other: KeyStore, at first: Int, to target: Int) {
    precondition(
      heads == other.heads && type == other.type && first >= 0 && first + count <= other.slots && target >= 0
        && target + count <= slots, "\(count) keys from \(first) of \(other.slots) to \(target) of \(slots)")
    switch type {
    case .fp32: copy(Float.self, count, other, first, target)
    case .bf16: copy(BF16Pair.self, count, other, first, target)
    }
  }

  private func copy<Lane: PackedLane>(
    _: Lane.Type, _ count: Int, _ other: KeyStore, _ first: Int, _ target: Int
  ) {
    for head in 0..<heads.keyValueHeads {
      for index in 0..<count {
        let from = other.address(Lane.self, ofKey: first &+ index, head)
        let to = address(Lane.self, ofKey: target &+ index, head)
        for lane in 0..<heads.paddedHeadSize / Lane.elements {
          to[lane &* BlockProduct.panel] = from[lane &* BlockProduct.panel]
        }
        let source = Lane.Row(other.address(Lane.self, ofValue: first &+ index, head))
        let value = Lane.Row(address(Lane.self, ofValue: target &+ index, head))
        for column in 0..<heads.headSize { value[column &* Lane.elements] = source[column &* Lane.elements] }
      }
    }
  }
}
