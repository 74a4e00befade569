/// The layout of the copies of keys and values in the two orders in which attention's products read their right
/// operands, see ``BlockProduct``.
///
/// Transposed, for queries · keysᵀ and, in the backward pass, output gradients · valuesᵀ: for each sequence and kv head,
/// panels of 64 keys, [panel][lanes of e][64], zero beyond the last key. Interleaved, for probabilities · values and, in
/// the backward pass, score gradients · keys: [lanes of keys][padded e].
public struct KeyPanels {
  let shape: AttentionShape
  let type: ElementType
  let copies: Int

  public init(_ shape: AttentionShape, _ type: ElementType, copies: Int) {
    self.shape = shape
    self.type = type
    self.copies = copies
  }

  private var heads: Int { shape.sequences * shape.keyValueHeads }
  private var keys: Int { shape.positions * copies }
  private var panelsPerHead: Int { (keys + BlockProduct.panel - 1) / BlockProduct.panel }
  /// The number of lanes of a padded key.
  private var size: Int { shape.paddedHeadSize * type.bytes / 4 }
  private var lanesPerHead: Int { panelsPerHead * BlockProduct.panel * size }
  private var keysPerLane: Int { 4 / type.bytes }
  private var interleavedPerHead: Int { (keys + keysPerLane - 1) / keysPerLane * shape.paddedHeadSize }

  /// The number of lanes (four bytes each) of all transposed panels.
  public var count: Int { heads * lanesPerHead }
  /// The number of lanes of all interleaved rows: 0 in fp32, whose rows need no interleaving.
  public var interleavedCount: Int { type == .fp32 ? 0 : heads * interleavedPerHead }

  /// The address of one head's part of transposed panels.
  @inline(__always)
  func panelAddress(_ panels: UnsafeMutableRawPointer, head: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(panels) + head &* lanesPerHead &* 4
  }

  /// The address of one head's part of interleaved rows.
  @inline(__always)
  func interleavedAddress(_ rows: UnsafeMutableRawPointer, head: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(rows) + head &* interleavedPerHead &* 4
  }

  /// target ← source, which is in head-major order (see ``HeadLayout``), transposed.
  func transpose<Lane: PackedLane>(
    _ target: UnsafeMutablePointer<Lane>, from source: UnsafePointer<Lane>, on team: ThreadTeam
  ) {
    let (panel, size, keys) = (BlockProduct.panel, size, keys)
    team.forEach(heads * panelsPerHead) { index, _ in
      let head = index / panelsPerHead
      let first = index % panelsPerHead * panel
      let count = min(panel, keys - first)
      let rows = source + (head * keys + first) * size
      let columns = target + index * panel * size
      for lane in 0..<size {
        let column = columns + lane &* panel
        for key in 0..<count { column[key] = rows[key &* size &+ lane] }
        for key in count..<panel { column[key] = .zero }
      }
    }
  }

  /// target ← source, which is in head-major order, interleaved. In fp32 does nothing, because products read the source.
  func interleave<Lane: PackedLane>(
    _ target: UnsafeMutablePointer<Lane>, from source: UnsafePointer<Lane>, on team: ThreadTeam
  ) {
    if type == .fp32 { return }
    team.forEach(heads) { head, _ in
      _ = Lane.interleave(
        source + head &* keys &* size, stride: size, count: keys, columns: shape.paddedHeadSize,
        into: target + head &* interleavedPerHead, targetStride: shape.paddedHeadSize)
    }
  }

  /// c ← a · keysᵀ for the keys in `range` of one head; a [rows, padded e], c [rows, range], rows `cStride` apart.
  ///
  /// Writes less than ``vectorWidth`` columns beyond the range.
  /// - Parameters:
  ///   - panels: the head's transposed keys.
  ///   - size: the number of lanes of a padded key.
  /// - Precondition: the range starts at a multiple of ``vectorWidth``.
  @inline(__always)
  static func multiply<Lane: PackedLane>(
    _ c: UnsafeMutablePointer<Float>, cStride: Int, _ a: UnsafePointer<Lane>, rows: Int,
    _ panels: UnsafePointer<Lane>, size: Int, range: Range<Int>
  ) {
    let panel = BlockProduct.panel
    var key = range.lowerBound
    while key < range.upperBound {
      let offset = key % panel
      let columns = min(panel &- offset, range.upperBound &- key)
      BlockProduct.multiply(
        c + (key &- range.lowerBound), cStride: cStride, rows: rows,
        columns: (columns &+ vectorWidth &- 1) / vectorWidth &* vectorWidth, inner: size,
        a, rowStride: size, innerStride: 1, panels + ((key &- offset) &* size &+ offset), bStride: panel,
        accumulating: false)
      key &+= columns
    }
  }
}
