/// Keys (or values) once more, turned: the right operand of queries · keysᵀ, ready for ``BlockProduct``.
///
/// For each sequence and kv head, panels of 64 keys: [panel][padded e][64]; what is beyond the last key is zero.
public struct KeyPanels {
  let shape: AttentionShape
  let copies: Int

  public init(_ shape: AttentionShape, copies: Int) {
    self.shape = shape
    self.copies = copies
  }

  private var panelsPerHead: Int { (shape.positions * copies + BlockProduct.panel - 1) / BlockProduct.panel }
  /// Floats of one head's panels.
  var perHead: Int { panelsPerHead * BlockProduct.panel * shape.paddedHeadSize }
  /// Floats of all.
  public var count: Int { shape.sequences * shape.keyValueHeads * perHead }

  /// target ← source, in attention's order (see ``HeadLayout``), turned.
  public func fill(
    _ target: UnsafeMutablePointer<Float>, from source: UnsafePointer<Float>, on team: ThreadTeam
  ) {
    let (panel, size, keys) = (BlockProduct.panel, shape.paddedHeadSize, shape.positions * copies)
    team.forEach(shape.sequences * shape.keyValueHeads * panelsPerHead) { index, _ in
      let head = index / panelsPerHead
      let first = index % panelsPerHead * panel
      let count = min(panel, keys - first)
      let rows = source + (head * keys + first) * size
      let columns = target + index * panel * size
      for element in 0..<size {
        let column = columns + element &* panel
        for key in 0..<count { column[key] = rows[key &* size &+ element] }
        for key in count..<panel { column[key] = 0 }
      }
    }
  }

  /// c ← a · keysᵀ for the keys in `range` of one head; a [rows, padded e], c [rows, range], rows `cStride` apart.
  ///
  /// Up to a vector beyond the range is written.
  /// - Precondition: the range starts at a whole vector.
  @inline(__always)
  func multiply(
    _ c: UnsafeMutablePointer<Float>, cStride: Int, _ a: UnsafePointer<Float>, rows: Int,
    _ panels: UnsafePointer<Float>, head: Int, range: Range<Int>
  ) {
    let (panel, size) = (BlockProduct.panel, shape.paddedHeadSize)
    let start = panels + head &* perHead
    var key = range.lowerBound
    while key < range.upperBound {
      let offset = key % panel
      let columns = min(panel &- offset, range.upperBound &- key)
      BlockProduct.multiply(
        c + (key &- range.lowerBound), cStride: cStride, rows: rows,
        columns: (columns &+ vectorWidth &- 1) / vectorWidth &* vectorWidth, inner: size,
        a, rowStride: size, innerStride: 1, start + ((key &- offset) &* size &+ offset), bStride: panel,
        accumulating: false)
      key &+= columns
    }
  }
}
