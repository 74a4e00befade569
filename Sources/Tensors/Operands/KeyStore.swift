/// The KV cache of one sequence in one layer: keys and values of every kv head.
///
/// Keys are transposed in panels of 64, [panel][lanes of padded e][64]; values are interleaved, [lanes of slots][padded
/// e]. Products read both orders directly, so decoding reads each key and value once and moves none.
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
    (slots + KeyPanels.width - 1) / KeyPanels.width * KeyPanels.width
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
  package func panels(_ head: Int) -> UnsafeMutableRawPointer { base + head &* bytesPerHead }

  /// One head's interleaved values.
  package func values(_ head: Int) -> UnsafeMutableRawPointer { base + (heads.keyValueHeads &+ head) &* bytesPerHead }

  /// The number of elements of a lane.
  package var elementsOfLane: Int { 4 / type.bytes }

  /// The number of lanes of a key.
  package var lanesOfKey: Int { heads.paddedHeadSize / elementsOfLane }

  /// Address of a key's first lane in its head's panels; its lanes are ``KeyPanels/width`` lanes apart.
  package func address(ofKey slot: Int, _ head: Int) -> UnsafeMutablePointer<UInt32> {
    let panel = KeyPanels.width
    return panels(head).assumingMemoryBound(to: UInt32.self) + (slot / panel &* panel &* lanesOfKey &+ slot % panel)
  }

  /// Address of a value's first element; its elements are as many elements apart as a lane has.
  package func address(ofValue slot: Int, _ head: Int) -> UnsafeMutableRawPointer {
    let row = slot / elementsOfLane &* heads.paddedHeadSize &* MemoryLayout<UInt32>.size
    return values(head) + (row &+ slot % elementsOfLane &* type.bytes)
  }

  /// Copies keys and values of `count` slots of another store, from slot `first` on, to slot `target` on.
  public func copy(_ count: Int, from other: KeyStore, at first: Int, to target: Int) {
    precondition(
      heads == other.heads && type == other.type && first >= 0 && first + count <= other.slots && target >= 0
        && target + count <= slots, "\(count) keys from \(first) of \(other.slots) to \(target) of \(slots)")
    for head in 0..<heads.keyValueHeads {
      for index in 0..<count {
        let from = other.address(ofKey: first &+ index, head)
        let to = address(ofKey: target &+ index, head)
        for lane in 0..<lanesOfKey { to[lane &* KeyPanels.width] = from[lane &* KeyPanels.width] }
        let (source, value) = (other.address(ofValue: first &+ index, head), address(ofValue: target &+ index, head))
        switch type {
        case .fp32: copy(Float.self, source, to: value)
        case .bf16: copy(UInt16.self, source, to: value)
        }
      }
    }
  }

  /// Copies the elements of a value, which are stored as `Element`.
  private func copy<Element: BitwiseCopyable>(
    _: Element.Type, _ source: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer
  ) {
    let (source, target) = (
      source.assumingMemoryBound(to: Element.self), target.assumingMemoryBound(to: Element.self)
    )
    for column in 0..<heads.headSize { target[column &* elementsOfLane] = source[column &* elementsOfLane] }
  }
}
