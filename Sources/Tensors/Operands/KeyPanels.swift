/// The layout of the copies of keys and values in the two orders in which attention's products read their right
/// operands.
///
/// Transposed, for queries · keysᵀ and, in the backward pass, output gradients · valuesᵀ: for each sequence and kv head,
/// panels of 64 keys, [panel][lanes of e][64], zero beyond the last key. Interleaved, for probabilities · values and, in
/// the backward pass, score gradients · keys: [lanes of keys][padded e].
public struct KeyPanels {
  /// The number of keys of a panel.
  @inlinable package static var width: Int { @inline(__always) get { 4 * vectorWidth } }

  package let shape: AttentionShape
  package let type: ElementType
  package let copies: Int

  public init(_ shape: AttentionShape, _ type: ElementType, copies: Int) {
    self.shape = shape
    self.type = type
    self.copies = copies
  }

  package var heads: Int { shape.sequences * shape.keyValueHeads }
  package var keys: Int { shape.positions * copies }
  package var panelsPerHead: Int { (keys + KeyPanels.width - 1) / KeyPanels.width }
  /// The number of lanes of a padded key.
  package var size: Int { shape.paddedHeadSize * type.bytes / 4 }
  private var lanesPerHead: Int { panelsPerHead * KeyPanels.width * size }
  private var keysPerLane: Int { 4 / type.bytes }
  package var interleavedPerHead: Int { (keys + keysPerLane - 1) / keysPerLane * shape.paddedHeadSize }

  /// The number of lanes (four bytes each) of all transposed panels.
  public var count: Int { heads * lanesPerHead }
  /// The number of lanes of all interleaved rows: 0 in fp32, whose rows need no interleaving.
  public var interleavedCount: Int { type == .fp32 ? 0 : heads * interleavedPerHead }

  /// The address of one head's part of transposed panels.
  package func panelAddress(_ panels: UnsafeMutableRawPointer, head: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(panels) + head &* lanesPerHead &* 4
  }

  /// The address of one head's part of interleaved rows.
  package func interleavedAddress(_ rows: UnsafeMutableRawPointer, head: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(rows) + head &* interleavedPerHead &* 4
  }
}
