import CProcessor

/// The inner loop of large products: a tile of the result stays in registers while one panel of the right operand is
/// gone through.
///
/// Each element is one sum over the inner dimension in its order. Its bits do not depend on the tile that it is in, so
/// they are the same on every processor that fuses a multiplication with an addition.
enum PanelTile {
  /// Columns of a panel: [lanes of the inner dimension][columns].
  static var columns: Int { Processor.builtWithAVX512 ? 2 * vectorWidth : vectorWidth }
  /// The most rows of a tile. AVX-512 has 32 registers: 8 rows of 2 vectors leave room for the operands. AVX2 has 16
  /// registers of half a vector: 6 rows of 1 vector do.
  static var rows: Int { Processor.builtWithAVX512 ? 8 : 6 }

  /// What becomes of a tile's sums.
  enum StoreMode {
    case store
    case add
    /// Rounded to bf16.
    case round
  }

  /// Prefetch distance of a panel into L2, in packed lanes.
  private static var prefetchDistance: Int { 4096 }
  /// The fewest rows that a panel is prefetched for. With fewer rows a product waits for memory alone, and the
  /// processor's own prefetching does better.
  private static var rowsToPrefetchFor: Int { 6 }

  /// Prefetches the next tile of the mode, which may lie in memory, while another is computed.
  @inline(__always)
  static func prefetch(_ c: UnsafeMutableRawPointer, stride: Int, _ type: ElementType) {
    for row in 0..<rows {
      let line = c + row &* stride &* type.bytes
      phd_prefetch_l2(line)
      if type == .fp32 && columns > vectorWidth { phd_prefetch_l2(line + columns / 2 &* type.bytes) }
    }
  }

  /// c ← x · panel for rows that lie packed.
  ///
  /// - Parameters:
  ///   - count: rows, 1 to ``rows``.
  ///   - c: [rows, up to ``columns``], rows `stride` elements apart.
  ///   - columns: of c.
  ///   - x: [lanes][count].
  ///   - panel: [lanes][``columns``].
  @inline(__always)
  static func multiply<Lane: PackedLane>(
    _ count: Int, _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Lane>, _ panel: UnsafePointer<Lane>, inner: Int
  ) {
    whole(c, stride, rows: count, columns, mode) { c, stride, mode in
      if Processor.builtWithAVX512 {
        tile(TwoVectors<Lane>.self, count, c, stride, mode, x, panel, inner)
      } else {
        tile(OneVector<Lane>.self, count, c, stride, mode, x, panel, inner)
      }
    }
  }

  /// The same for ``rows`` rows as they are stored, `xStride` lanes apart.
  @inline(__always)
  static func multiplyRows<Lane: PackedLane>(
    _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ mode: StoreMode, _ x: UnsafePointer<Lane>,
    xStride: Int, _ panel: UnsafePointer<Lane>, inner: Int
  ) {
    whole(c, stride, rows: rows, columns, mode) { c, stride, mode in
      if Processor.builtWithAVX512 {
        storedTile(InlineArray<8, TwoVectors<Lane>>.self, c, stride, mode, x, xStride, panel, inner)
      } else {
        storedTile(InlineArray<6, OneVector<Lane>>.self, c, stride, mode, x, xStride, panel, inner)
      }
    }
  }

  /// Calls `body` with a c of all columns of a panel: a copy beside the result where that has fewer.
  @inline(__always)
  private static func whole(
    _ c: UnsafeMutableRawPointer, _ stride: Int, rows: Int, _ columns: Int, _ mode: StoreMode,
    _ body: (_ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode) -> Void
  ) {
    if columns == PanelTile.columns { return body(c, stride, mode) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: PanelTile.rows * PanelTile.columns) { beside in
      guard let floats = beside.baseAddress else { return }
      func each(_ body: (_ row: Int, _ column: Int, _ place: Int) -> Void) {
        for row in 0..<rows {
          for column in 0..<columns { body(row, column, row &* PanelTile.columns &+ column) }
        }
      }
      let (sums, bf16) = (c.assumingMemoryBound(to: Float.self), c.assumingMemoryBound(to: UInt16.self))
      if mode == .add { each { floats[$2] = sums[$0 &* stride &+ $1] } }
      body(UnsafeMutableRawPointer(floats), PanelTile.columns, mode == .add ? .add : .store)
      if mode == .round {
        each { bf16[$0 &* stride &+ $1] = floats[$2].bf16 }
      } else {
        each { sums[$0 &* stride &+ $1] = floats[$2] }
      }
    }
  }

  @inline(__always)
  private static func tile<Row: TileRow>(
    _: Row.Type, _ count: Int, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Row.Lane>, _ panel: UnsafePointer<Row.Lane>, _ inner: Int
  ) {
    switch count {
    case 1: packedTile(InlineArray<1, Row>.self, c, stride, mode, x, panel, inner)
    case 2: packedTile(InlineArray<2, Row>.self, c, stride, mode, x, panel, inner)
    case 3: packedTile(InlineArray<3, Row>.self, c, stride, mode, x, panel, inner)
    case 4: packedTile(InlineArray<4, Row>.self, c, stride, mode, x, panel, inner)
    case 5: packedTile(InlineArray<5, Row>.self, c, stride, mode, x, panel, inner)
    case 6: packedTile(InlineArray<6, Row>.self, c, stride, mode, x, panel, inner)
    case 7 where Processor.builtWithAVX512: packedTile(InlineArray<7, Row>.self, c, stride, mode, x, panel, inner)
    case 8 where Processor.builtWithAVX512: packedTile(InlineArray<8, Row>.self, c, stride, mode, x, panel, inner)
    default: preconditionFailure("a tile of \(count) rows")
    }
  }

  @inline(never)
  private static func packedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Row.Lane>, _ panel: UnsafePointer<Row.Lane>, _ inner: Int
  ) {
    var rows: InlineArray<count, Row> = sums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      let lanes = Row(panel)
      if count >= rowsToPrefetchFor {
        for line in 0..<Row.columns / vectorWidth { phd_prefetch_l2(panel + prefetchDistance + line &* vectorWidth) }
      }
      for row in 0..<count { rows[unchecked: row].add(x[row], lanes) }
      x += count
      panel += Row.columns
    }
    write(rows, c, stride, mode)
  }

  @inline(never)
  private static func storedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Row.Lane>, _ xStride: Int, _ panel: UnsafePointer<Row.Lane>, _ inner: Int
  ) {
    var rows: InlineArray<count, Row> = sums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      let lanes = Row(panel)
      for row in 0..<count { rows[unchecked: row].add(x[row &* xStride], lanes) }
      x += 1
      panel += Row.columns
    }
    write(rows, c, stride, mode)
  }

  /// What a tile's products are added to.
  @inline(__always)
  private static func sums<Row: TileRow, let count: Int>(
    _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode
  ) -> InlineArray<count, Row> {
    var rows = InlineArray<count, Row>(repeating: Row())
    if mode == .add {
      let c = UnsafePointer(c.assumingMemoryBound(to: Float.self))
      for row in 0..<count { rows[unchecked: row] = Row(sums: c + row &* stride) }
    }
    return rows
  }

  @inline(__always)
  private static func write<Row: TileRow, let count: Int>(
    _ rows: InlineArray<count, Row>, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode
  ) {
    let (floats, bf16) = (c.assumingMemoryBound(to: Float.self), c.assumingMemoryBound(to: UInt16.self))
    for row in 0..<count {
      if mode == .round {
        rows[unchecked: row].store(rounded: bf16 + row &* stride)
      } else {
        rows[unchecked: row].store(floats + row &* stride, accumulating: false)
      }
    }
  }
}
