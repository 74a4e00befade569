/// Keys and values once more, as attention's products want their right operands; see ``BlockProduct``.
///
/// Turned, for queries · keysᵀ: for each sequence and kv head, panels of 64 keys, [panel][lanes of e][64]; what is
/// beyond the last key is zero. Downwards, for probabilities · values: [lanes of keys][padded e].
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
  /// Words of a key.
  private var size: Int { shape.paddedHeadSize * type.bytes / 4 }
  private var lanesPerHead: Int { panelsPerHead * BlockProduct.panel * size }
  private var keysPerLane: Int { 4 / type.bytes }

  /// Words of one head's rows, one below the other.
  var interleavedPerHead: Int { (keys + keysPerLane - 1) / keysPerLane * shape.paddedHeadSize }
  /// Words of all turned panels.
  public var count: Int { heads * lanesPerHead }
  /// Words of all rows downwards: none in fp32, whose rows are so already.
  public var interleavedCount: Int { type == .fp32 ? 0 : heads * interleavedPerHead }

  /// target ← source, in attention's order (see ``HeadLayout``), turned.
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

  /// source, in attention's order, downwards: in fp32 itself, else written to target.
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
  /// Up to a vector beyond the range is written.
  /// - Precondition: the range starts at a whole vector.
  @inline(__always)
  func multiply<Lane: PackedLane>(
    _ c: UnsafeMutablePointer<Float>, cStride: Int, _ a: UnsafePointer<Lane>, rows: Int,
    _ panels: UnsafePointer<Lane>, head: Int, range: Range<Int>
  ) {
    KeyPanels.multiply(
      c, cStride: cStride, a, rows: rows, panels + head &* lanesPerHead, size: size, range: range)
  }

  /// The same of one head's panels; `size` lanes in a padded key.
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
