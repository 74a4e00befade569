import Tensors

extension KeyPanels {
  /// target ← source, which is in head-major order (see ``HeadLayout``), transposed.
  func transpose<Lane: PackedLane>(
    _ target: UnsafeMutablePointer<Lane>, from source: UnsafePointer<Lane>, on team: ThreadTeam
  ) {
    let (panel, size, keys) = (KeyPanels.width, size, keys)
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
    let panel = KeyPanels.width
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
