import Tensors

/// Products of blocks that fit in the caches. Attention computes thousands of them.
///
/// A general library packs both operands of every product before it multiplies, which pays only for large products.
/// Here the right operand is already packed ([inner, columns]) and the left one is read in place. A tile of the result,
/// six rows of one or four vectors (``MicroKernel``), stays in registers. Each element is one sum over the inner
/// dimension, added in order, so its bits do not depend on its neighbours.
///
/// The inner dimension is counted in packed lanes (``PackedLane``): one fp32 or two bf16 each.
enum BlockProduct {
  /// The number of columns of a packed panel (see ``KeyPanels``), which are those of the widest tile.
  @inline(__always)
  static var panel: Int { KeyPanels.width }

  /// c ← a · b, plus c if `accumulating`; c [rows, columns], rows `cStride` floats apart.
  ///
  /// - Parameters:
  ///   - columns: a multiple of ``vectorWidth``.
  ///   - inner: the number of packed lanes of the inner dimension.
  ///   - a: [rows, inner], rows `rowStride` lanes apart, a row's lanes `innerStride` apart.
  ///   - b: [inner, columns], rows `bStride` lanes apart.
  @inline(__always)
  static func multiply<Lane: PackedLane>(
    _ c: UnsafeMutablePointer<Float>, cStride: Int, rows: Int, columns: Int, inner: Int,
    _ a: UnsafePointer<Lane>, rowStride: Int, innerStride: Int, _ b: UnsafePointer<Lane>, bStride: Int,
    accumulating: Bool
  ) {
    var column = 0
    if MicroKernel.current.hasWideBlocks {
      while column &+ panel <= columns {
        strips(
          FourVectors<Lane>.self, c + column, cStride, rows, inner, a, rowStride, innerStride, b + column, bStride,
          accumulating)
        column &+= panel
      }
    }
    while column < columns {
      strips(
        OneVector<Lane>.self, c + column, cStride, rows, inner, a, rowStride, innerStride, b + column, bStride,
        accumulating)
      column &+= vectorWidth
    }
  }

  @inline(never)
  private static func strips<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ rows: Int, _ inner: Int,
    _ a: UnsafePointer<Row.Lane>, _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Lane>, _ bStride: Int,
    _ accumulating: Bool
  ) {
    var row = 0
    func tile<Sums: Tile>(_: Sums.Type) where Sums.Row == Row {
      var sums = Sums()
      var (a, b) = (a + row &* rowStride, b)
      for _ in 0..<inner {
        sums.add(a, stride: rowStride, Row(b))
        a += innerStride
        b += bStride
      }
      sums.store(c + row &* cStride, stride: cStride, accumulating: accumulating)
      row &+= Sums.rows
    }
    while row &+ 6 <= rows { tile(SixRows<Row>.self) }
    while row &+ 2 <= rows { tile(TwoRows<Row>.self) }
    if row < rows { tile(SingleRow<Row>.self) }
  }
}
