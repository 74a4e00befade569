import CProcessor

/// The inner loop of large products: a tile of up to eight rows and 32 columns of the result, held in registers while
/// one panel of the right operand is gone through.
///
/// Each element is one sum over the inner dimension in its order: its bits depend on nothing beside it, and are the same
/// on every processor that fuses a multiplication with an addition.
enum PanelTile {
  /// Columns of a panel: [words of the inner dimension][32].
  static let columns = 2 * vectorWidth
  /// Rows at one time: AVX-512 has 32 registers for them, AVX2 16 of half the size.
  static var rows: Int { Processor.builtWithAVX512 ? 8 : 2 }

  /// What becomes of a tile's sums.
  enum Result {
    case store
    case add
    /// Rounded to bf16.
    case round
  }

  /// How many words ahead of their use a panel's are asked for, into the core's second cache.
  private static var ahead: Int { 4096 }
  /// From so many rows on: with fewer, memory is all that a product waits for, and the processor's own prefetching does
  /// better than this.
  private static var rowsToAskAhead: Int { 6 }

  /// Asks for the next tile of the result, which may lie in memory, while one is being computed.
  @inline(__always)
  static func ask(_ c: UnsafeMutableRawPointer, stride: Int, _ type: ElementType) {
    for row in 0..<rows {
      let line = c + row &* stride &* type.bytes
      phd_prefetch_far(line)
      if type == .fp32 { phd_prefetch_far(line + columns / 2 &* type.bytes) }
    }
  }

  /// c ← x · panel for rows that lie packed.
  ///
  /// - Parameters:
  ///   - count: rows, 1 to 8.
  ///   - c: [rows, up to 32 columns], rows `stride` elements apart.
  ///   - columns: of c.
  ///   - x: [words][count].
  ///   - panel: [words][32].
  @inline(__always)
  static func multiply<Word: BlockElement>(
    _ count: Int, _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ result: Result,
    _ x: UnsafePointer<Word>, _ panel: UnsafePointer<Word>, words: Int
  ) {
    whole(c, stride, rows: count, columns, result) { c, stride, result in
      switch count {
      case 1: tile(InlineArray<1, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 2: tile(InlineArray<2, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 3: tile(InlineArray<3, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 4: tile(InlineArray<4, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 5: tile(InlineArray<5, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 6: tile(InlineArray<6, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 7: tile(InlineArray<7, TileRow<Word>>.self, c, stride, result, x, panel, words)
      case 8: tile(InlineArray<8, TileRow<Word>>.self, c, stride, result, x, panel, words)
      default: preconditionFailure("\(count) rows at once")
      }
    }
  }

  /// The same for ``rows`` rows as they are stored, `xStride` words apart.
  @inline(__always)
  static func multiplyRows<Word: BlockElement>(
    _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ result: Result, _ x: UnsafePointer<Word>,
    xStride: Int, _ panel: UnsafePointer<Word>, words: Int
  ) {
    whole(c, stride, rows: rows, columns, result) { c, stride, result in
      if rows == 8 {
        rowsTile(InlineArray<8, TileRow<Word>>.self, c, stride, result, x, xStride, panel, words)
      } else {
        rowsTile(InlineArray<2, TileRow<Word>>.self, c, stride, result, x, xStride, panel, words)
      }
    }
  }

  /// Calls `body` with a c of all 32 columns: beside the result where that has fewer, and copied from and to it.
  @inline(__always)
  private static func whole(
    _ c: UnsafeMutableRawPointer, _ stride: Int, rows: Int, _ columns: Int, _ result: Result,
    _ body: (_ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result) -> Void
  ) {
    if columns == PanelTile.columns { return body(c, stride, result) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 8 * PanelTile.columns) { beside in
      guard let floats = beside.baseAddress else { return }
      func each(_ body: (_ row: Int, _ column: Int, _ place: Int) -> Void) {
        for row in 0..<rows {
          for column in 0..<columns { body(row, column, row &* PanelTile.columns &+ column) }
        }
      }
      let (sums, halves) = (c.assumingMemoryBound(to: Float.self), c.assumingMemoryBound(to: UInt16.self))
      if result == .add { each { floats[$2] = sums[$0 &* stride &+ $1] } }
      body(UnsafeMutableRawPointer(floats), PanelTile.columns, result == .add ? .add : .store)
      if result == .round {
        each { halves[$0 &* stride &+ $1] = floats[$2].bf16 }
      } else {
        each { sums[$0 &* stride &+ $1] = floats[$2] }
      }
    }
  }

  @inline(never)
  private static func tile<Word: BlockElement, let count: Int>(
    _: InlineArray<count, TileRow<Word>>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result,
    _ x: UnsafePointer<Word>, _ panel: UnsafePointer<Word>, _ words: Int
  ) {
    var rows = InlineArray<count, TileRow<Word>>(repeating: TileRow())
    if result == .add { for row in 0..<count { rows[unchecked: row].load(c + 4 &* row &* stride) } }
    var (x, panel) = (x, panel)
    for _ in 0..<words {
      let (w0, w1) = (Word.words(panel, at: 0), Word.words(panel, at: vectorWidth))
      if count >= rowsToAskAhead {
        phd_prefetch_far(panel + ahead)
        phd_prefetch_far(panel + ahead + vectorWidth)
      }
      for row in 0..<count { rows[unchecked: row].add(x[row], w0, w1) }
      x += count
      panel += columns
    }
    for row in 0..<count { rows[unchecked: row].write(c, row &* stride, result) }
  }

  @inline(never)
  private static func rowsTile<Word: BlockElement, let count: Int>(
    _: InlineArray<count, TileRow<Word>>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result,
    _ x: UnsafePointer<Word>, _ xStride: Int, _ panel: UnsafePointer<Word>, _ words: Int
  ) {
    var rows = InlineArray<count, TileRow<Word>>(repeating: TileRow())
    if result == .add { for row in 0..<count { rows[unchecked: row].load(c + 4 &* row &* stride) } }
    var (x, panel) = (x, panel)
    for _ in 0..<words {
      let (w0, w1) = (Word.words(panel, at: 0), Word.words(panel, at: vectorWidth))
      for row in 0..<count { rows[unchecked: row].add(x[row &* xStride], w0, w1) }
      x += 1
      panel += columns
    }
    for row in 0..<count { rows[unchecked: row].write(c, row &* stride, result) }
  }
}

/// A row of a tile: 32 sums.
private struct TileRow<Word: BlockElement> {
  private var v0 = Vector.zero
  private var v1 = Vector.zero

  /// What is added to.
  @inline(__always)
  mutating func load(_ c: UnsafeMutableRawPointer) {
    let c = c.assumingMemoryBound(to: Float.self)
    v0 = c.vector(at: 0)
    v1 = c.vector(at: vectorWidth)
  }

  @inline(__always)
  mutating func add(_ factor: Word, _ w0: Vector, _ w1: Vector) {
    v0 = factor.product(w0, addedTo: v0)
    v1 = factor.product(w1, addedTo: v1)
  }

  /// To the 32 elements of c from `offset` on.
  @inline(__always)
  func write(_ c: UnsafeMutableRawPointer, _ offset: Int, _ result: PanelTile.Result) {
    if result == .round {
      let c = c.assumingMemoryBound(to: UInt16.self) + offset
      v0.store(bf16: c, at: 0)
      v1.store(bf16: c, at: vectorWidth)
    } else {
      let c = c.assumingMemoryBound(to: Float.self) + offset
      c.store(v0, at: 0)
      c.store(v1, at: vectorWidth)
    }
  }
}
