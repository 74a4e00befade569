import CProcessor

/// The inner loop of large products: a tile of the result stays in registers while one panel of the right operand is
/// gone through.
///
/// Each element is one sum over the inner dimension in its order. Its bits do not depend on the tile that it is in, so
/// they are the same on every processor that fuses a multiplication with an addition.
enum PanelTile {
  /// Columns of a panel: [words of the inner dimension][columns].
  static var columns: Int { Processor.builtWithAVX512 ? 2 * vectorWidth : vectorWidth }
  /// The most rows of a tile. AVX-512 has 32 registers: 8 rows of 2 vectors leave room for the operands. AVX2 has 16
  /// registers of half a vector: 6 rows of 1 vector do.
  static var rows: Int { Processor.builtWithAVX512 ? 8 : 6 }

  /// What becomes of a tile's sums.
  enum Result {
    case store
    case add
    /// Rounded to bf16.
    case round
  }

  /// Prefetch distance of a panel into L2, in packed words.
  private static var prefetchDistance: Int { 4096 }
  /// The fewest rows that a panel is prefetched for. With fewer rows a product waits for memory alone, and the
  /// processor's own prefetching does better.
  private static var rowsToPrefetchFor: Int { 6 }

  /// Prefetches the next tile of the result, which may lie in memory, while another is computed.
  @inline(__always)
  static func prefetch(_ c: UnsafeMutableRawPointer, stride: Int, _ type: ElementType) {
    for row in 0..<rows {
      let line = c + row &* stride &* type.bytes
      phd_prefetch_far(line)
      if type == .fp32 && columns > vectorWidth { phd_prefetch_far(line + columns / 2 &* type.bytes) }
    }
  }

  /// c ← x · panel for rows that lie packed.
  ///
  /// - Parameters:
  ///   - count: rows, 1 to ``rows``.
  ///   - c: [rows, up to ``columns``], rows `stride` elements apart.
  ///   - columns: of c.
  ///   - x: [words][count].
  ///   - panel: [words][``columns``].
  @inline(__always)
  static func multiply<Word: BlockElement>(
    _ count: Int, _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ result: Result,
    _ x: UnsafePointer<Word>, _ panel: UnsafePointer<Word>, words: Int
  ) {
    whole(c, stride, rows: count, columns, result) { c, stride, result in
      if Processor.builtWithAVX512 {
        tile(TwoVectors<Word>.self, count, c, stride, result, x, panel, words)
      } else {
        tile(OneVector<Word>.self, count, c, stride, result, x, panel, words)
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
      if Processor.builtWithAVX512 {
        storedTile(InlineArray<8, TwoVectors<Word>>.self, c, stride, result, x, xStride, panel, words)
      } else {
        storedTile(InlineArray<6, OneVector<Word>>.self, c, stride, result, x, xStride, panel, words)
      }
    }
  }

  /// Calls `body` with a c of all columns of a panel: a copy beside the result where that has fewer.
  @inline(__always)
  private static func whole(
    _ c: UnsafeMutableRawPointer, _ stride: Int, rows: Int, _ columns: Int, _ result: Result,
    _ body: (_ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result) -> Void
  ) {
    if columns == PanelTile.columns { return body(c, stride, result) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: PanelTile.rows * PanelTile.columns) { beside in
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

  @inline(__always)
  private static func tile<Row: TileRow>(
    _: Row.Type, _ count: Int, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result,
    _ x: UnsafePointer<Row.Word>, _ panel: UnsafePointer<Row.Word>, _ words: Int
  ) {
    switch count {
    case 1: packedTile(InlineArray<1, Row>.self, c, stride, result, x, panel, words)
    case 2: packedTile(InlineArray<2, Row>.self, c, stride, result, x, panel, words)
    case 3: packedTile(InlineArray<3, Row>.self, c, stride, result, x, panel, words)
    case 4: packedTile(InlineArray<4, Row>.self, c, stride, result, x, panel, words)
    case 5: packedTile(InlineArray<5, Row>.self, c, stride, result, x, panel, words)
    case 6: packedTile(InlineArray<6, Row>.self, c, stride, result, x, panel, words)
    case 7 where Processor.builtWithAVX512: packedTile(InlineArray<7, Row>.self, c, stride, result, x, panel, words)
    case 8 where Processor.builtWithAVX512: packedTile(InlineArray<8, Row>.self, c, stride, result, x, panel, words)
    default: preconditionFailure("a tile of \(count) rows")
    }
  }

  @inline(never)
  private static func packedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result,
    _ x: UnsafePointer<Row.Word>, _ panel: UnsafePointer<Row.Word>, _ words: Int
  ) {
    var rows: InlineArray<count, Row> = sums(c, stride, result)
    var (x, panel) = (x, panel)
    for _ in 0..<words {
      let lanes = Row(panel)
      if count >= rowsToPrefetchFor {
        for line in 0..<Row.columns / vectorWidth { phd_prefetch_far(panel + prefetchDistance + line &* vectorWidth) }
      }
      for row in 0..<count { rows[unchecked: row].add(x[row], lanes) }
      x += count
      panel += Row.columns
    }
    write(rows, c, stride, result)
  }

  @inline(never)
  private static func storedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result,
    _ x: UnsafePointer<Row.Word>, _ xStride: Int, _ panel: UnsafePointer<Row.Word>, _ words: Int
  ) {
    var rows: InlineArray<count, Row> = sums(c, stride, result)
    var (x, panel) = (x, panel)
    for _ in 0..<words {
      let lanes = Row(panel)
      for row in 0..<count { rows[unchecked: row].add(x[row &* xStride], lanes) }
      x += 1
      panel += Row.columns
    }
    write(rows, c, stride, result)
  }

  /// What a tile's products are added to.
  @inline(__always)
  private static func sums<Row: TileRow, let count: Int>(
    _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result
  ) -> InlineArray<count, Row> {
    var rows = InlineArray<count, Row>(repeating: Row())
    if result == .add {
      let c = UnsafePointer(c.assumingMemoryBound(to: Float.self))
      for row in 0..<count { rows[unchecked: row] = Row(sums: c + row &* stride) }
    }
    return rows
  }

  @inline(__always)
  private static func write<Row: TileRow, let count: Int>(
    _ rows: InlineArray<count, Row>, _ c: UnsafeMutableRawPointer, _ stride: Int, _ result: Result
  ) {
    let (floats, halves) = (c.assumingMemoryBound(to: Float.self), c.assumingMemoryBound(to: UInt16.self))
    for row in 0..<count {
      if result == .round {
        rows[unchecked: row].store(rounded: halves + row &* stride)
      } else {
        rows[unchecked: row].store(floats + row &* stride, accumulating: false)
      }
    }
  }
}
