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
  static let panel = 4 * vectorWidth

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
    while row &+ 6 <= rows {
      sixRows(
        Row.self, c + row &* cStride, cStride, inner, a + row &* rowStride, rowStride, innerStride, b, bStride,
        accumulating)
      row &+= 6
    }
    while row &+ 2 <= rows {
      twoRows(
        Row.self, c + row &* cStride, cStride, inner, a + row &* rowStride, rowStride, innerStride, b, bStride,
        accumulating)
      row &+= 2
    }
    if row < rows {
      oneRow(Row.self, c + row &* cStride, inner, a + row &* rowStride, innerStride, b, bStride, accumulating)
    }
  }

  @inline(__always)
  private static func sixRows<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ inner: Int, _ a: UnsafePointer<Row.Lane>,
    _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Lane>, _ bStride: Int, _ accumulating: Bool
  ) {
    var (r0, r1, r2) = (Row(), Row(), Row())
    var (r3, r4, r5) = (Row(), Row(), Row())
    var (a, b) = (a, b)
    for _ in 0..<inner {
      let lanes = Row(b)
      r0.add(a[0], lanes)
      r1.add(a[rowStride], lanes)
      r2.add(a[2 &* rowStride], lanes)
      r3.add(a[3 &* rowStride], lanes)
      r4.add(a[4 &* rowStride], lanes)
      r5.add(a[5 &* rowStride], lanes)
      a += innerStride
      b += bStride
    }
    r0.store(c, accumulating: accumulating)
    r1.store(c + cStride, accumulating: accumulating)
    r2.store(c + 2 &* cStride, accumulating: accumulating)
    r3.store(c + 3 &* cStride, accumulating: accumulating)
    r4.store(c + 4 &* cStride, accumulating: accumulating)
    r5.store(c + 5 &* cStride, accumulating: accumulating)
  }

  @inline(__always)
  private static func twoRows<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ inner: Int, _ a: UnsafePointer<Row.Lane>,
    _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Lane>, _ bStride: Int, _ accumulating: Bool
  ) {
    var (r0, r1) = (Row(), Row())
    var (a, b) = (a, b)
    for _ in 0..<inner {
      let lanes = Row(b)
      r0.add(a[0], lanes)
      r1.add(a[rowStride], lanes)
      a += innerStride
      b += bStride
    }
    r0.store(c, accumulating: accumulating)
    r1.store(c + cStride, accumulating: accumulating)
  }

  @inline(__always)
  private static func oneRow<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ inner: Int, _ a: UnsafePointer<Row.Lane>, _ innerStride: Int,
    _ b: UnsafePointer<Row.Lane>, _ bStride: Int, _ accumulating: Bool
  ) {
    var r0 = Row()
    var (a, b) = (a, b)
    for _ in 0..<inner {
      r0.add(a[0], Row(b))
      a += innerStride
      b += bStride
    }
    r0.store(c, accumulating: accumulating)
  }
}
