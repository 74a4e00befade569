/// Products of blocks that fit in the caches, as attention has them by the thousand.
///
/// A general library packs both operands of every product before it multiplies, which is worth it for large ones only.
/// Here the right operand lies ready ([inner, columns], columns side by side) and the left one is read where it is; a
/// tile of the result, six rows of four vectors, stays in registers. Each element is one sum over the inner dimension
/// in its order: its bits depend on nothing beside it.
///
/// The inner dimension is counted in words of a ``BlockElement``: one fp32 or two bf16.
enum BlockProduct {
  /// Columns of a packed panel, see ``KeyPanels``: what a tile in registers covers.
  static let panel = 4 * vectorWidth

  /// c ← a · b, plus c where `accumulating`; c [rows, columns], rows `cStride` apart.
  ///
  /// - Parameters:
  ///   - columns: a multiple of ``vectorWidth``.
  ///   - a: [rows, inner]: a row's words `innerStride` apart, rows `rowStride`.
  ///   - b: [inner, columns], rows `bStride` apart.
  @inline(__always)
  static func multiply<Word: BlockElement>(
    _ c: UnsafeMutablePointer<Float>, cStride: Int, rows: Int, columns: Int, inner: Int,
    _ a: UnsafePointer<Word>, rowStride: Int, innerStride: Int, _ b: UnsafePointer<Word>, bStride: Int,
    accumulating: Bool
  ) {
    var column = 0
    // Registers for six rows of four vectors are there with AVX-512 only.
    if Processor.builtWithAVX512 {
      while column &+ panel <= columns {
        strips(
          FourVectors<Word>.self, c + column, cStride, rows, inner, a, rowStride, innerStride, b + column, bStride,
          accumulating)
        column &+= panel
      }
    }
    while column < columns {
      strips(
        OneVector<Word>.self, c + column, cStride, rows, inner, a, rowStride, innerStride, b + column, bStride,
        accumulating)
      column &+= vectorWidth
    }
  }

  @inline(never)
  private static func strips<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ rows: Int, _ inner: Int,
    _ a: UnsafePointer<Row.Word>, _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Word>, _ bStride: Int,
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
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ inner: Int, _ a: UnsafePointer<Row.Word>,
    _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Word>, _ bStride: Int, _ accumulating: Bool
  ) {
    var (r0, r1, r2) = (Row(), Row(), Row())
    var (r3, r4, r5) = (Row(), Row(), Row())
    var (a, b) = (a, b)
    for _ in 0..<inner {
      let words = Row(b)
      r0.add(a[0], words)
      r1.add(a[rowStride], words)
      r2.add(a[2 &* rowStride], words)
      r3.add(a[3 &* rowStride], words)
      r4.add(a[4 &* rowStride], words)
      r5.add(a[5 &* rowStride], words)
      a += innerStride
      b += bStride
    }
    r0.finish(c, accumulating)
    r1.finish(c + cStride, accumulating)
    r2.finish(c + 2 &* cStride, accumulating)
    r3.finish(c + 3 &* cStride, accumulating)
    r4.finish(c + 4 &* cStride, accumulating)
    r5.finish(c + 5 &* cStride, accumulating)
  }

  @inline(__always)
  private static func twoRows<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ inner: Int, _ a: UnsafePointer<Row.Word>,
    _ rowStride: Int, _ innerStride: Int, _ b: UnsafePointer<Row.Word>, _ bStride: Int, _ accumulating: Bool
  ) {
    var (r0, r1) = (Row(), Row())
    var (a, b) = (a, b)
    for _ in 0..<inner {
      let words = Row(b)
      r0.add(a[0], words)
      r1.add(a[rowStride], words)
      a += innerStride
      b += bStride
    }
    r0.finish(c, accumulating)
    r1.finish(c + cStride, accumulating)
  }

  @inline(__always)
  private static func oneRow<Row: TileRow>(
    _: Row.Type, _ c: UnsafeMutablePointer<Float>, _ inner: Int, _ a: UnsafePointer<Row.Word>, _ innerStride: Int,
    _ b: UnsafePointer<Row.Word>, _ bStride: Int, _ accumulating: Bool
  ) {
    var r0 = Row()
    var (a, b) = (a, b)
    for _ in 0..<inner {
      r0.add(a[0], Row(b))
      a += innerStride
      b += bStride
    }
    r0.finish(c, accumulating)
  }
}

/// One row of a tile that is held in registers.
private protocol TileRow {
  associatedtype Word: BlockElement
  /// Zeros.
  init()
  /// The words from `pointer` on.
  init(_ pointer: UnsafePointer<Word>)
  mutating func add(_ factor: Word, _ words: Self)
  /// c ← this, plus c where `accumulating`.
  func finish(_ c: UnsafeMutablePointer<Float>, _ accumulating: Bool)
}

private struct OneVector<Word: BlockElement>: TileRow {
  private var v0 = Vector.zero

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Word>) { v0 = Word.words(pointer, at: 0) }

  @inline(__always)
  mutating func add(_ factor: Word, _ words: OneVector) {
    v0 = factor.product(words.v0, addedTo: v0)
  }

  @inline(__always)
  func finish(_ c: UnsafeMutablePointer<Float>, _ accumulating: Bool) {
    c.store(accumulating ? c.vector(at: 0) + v0 : v0, at: 0)
  }
}

private struct FourVectors<Word: BlockElement>: TileRow {
  private var v0 = Vector.zero
  private var v1 = Vector.zero
  private var v2 = Vector.zero
  private var v3 = Vector.zero

  @inline(__always)
  init() {}

  @inline(__always)
  init(_ pointer: UnsafePointer<Word>) {
    v0 = Word.words(pointer, at: 0)
    v1 = Word.words(pointer, at: vectorWidth)
    v2 = Word.words(pointer, at: 2 &* vectorWidth)
    v3 = Word.words(pointer, at: 3 &* vectorWidth)
  }

  @inline(__always)
  mutating func add(_ factor: Word, _ words: FourVectors) {
    v0 = factor.product(words.v0, addedTo: v0)
    v1 = factor.product(words.v1, addedTo: v1)
    v2 = factor.product(words.v2, addedTo: v2)
    v3 = factor.product(words.v3, addedTo: v3)
  }

  @inline(__always)
  func finish(_ c: UnsafeMutablePointer<Float>, _ accumulating: Bool) {
    c.store(accumulating ? c.vector(at: 0) + v0 : v0, at: 0)
    c.store(accumulating ? c.vector(at: vectorWidth) + v1 : v1, at: vectorWidth)
    c.store(accumulating ? c.vector(at: 2 &* vectorWidth) + v2 : v2, at: 2 &* vectorWidth)
    c.store(accumulating ? c.vector(at: 3 &* vectorWidth) + v3 : v3, at: 3 &* vectorWidth)
  }
}
