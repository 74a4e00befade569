import CProcessor

/// The inner loop of large products: a tile of the result stays in registers while the loop reads one panel of the right
/// operand.
///
/// Each element is one sum over the inner dimension, added in order, so its bits do not depend on the tile that it
/// belongs to. If the lanes are fp32, they are the same on every processor that fuses a multiplication with an addition.
///
/// ``MicroKernel`` chooses the shape of the tile.
enum PanelTile {
  /// How a tile's sums are written to the result.
  enum StoreMode {
    /// Overwrites fp32.
    case store
    /// Continues the fp32 sums of the result.
    case add
    /// Overwrites bf16, rounded.
    case round
  }

  /// Prefetch distance of a panel into L2, in packed lanes.
  private static var prefetchDistance: Int { 4096 }
  /// The smallest number of rows for which a panel is prefetched. With fewer rows a product only waits for memory, and the
  /// processor's hardware prefetcher does better.
  private static var minimumRowsForPrefetch: Int { 6 }

  /// Prefetches the next tile of the result, which may be in main memory, while another is computed.
  @inline(__always)
  static func prefetch(_ c: UnsafeMutableRawPointer, stride: Int, _ type: ElementType) {
    for row in 0..<rows {
      let line = c + row &* stride &* type.bytes
      phd_prefetch_l2(line)
      if type == .fp32 && columns > vectorWidth { phd_prefetch_l2(line + columns / 2 &* type.bytes) }
    }
  }

  /// c ← x · panel for packed rows.
  ///
  /// - Parameters:
  ///   - count: rows, 1 to ``rows``.
  ///   - c: [rows, up to ``columns``], rows `stride` elements apart.
  ///   - columns: of c.
  ///   - x: [inner][count].
  ///   - panel: [inner][``columns``].
  ///   - inner: the number of packed lanes of the inner dimension.
  @inline(__always)
  static func multiply<Lane: PackedLane>(
    _ count: Int, _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Lane>, _ panel: UnsafePointer<Lane>, inner: Int
  ) {
    withFullWidth(c, stride, rows: count, columns, mode) { c, stride, mode in
      packed(count, c, stride, mode, x, panel, inner)
    }
  }

  /// c ← x · panel for ``rows`` rows in place, `xStride` lanes apart.
  @inline(__always)
  static func multiplyRows<Lane: PackedLane>(
    _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ mode: StoreMode, _ x: UnsafePointer<Lane>,
    xStride: Int, _ panel: UnsafePointer<Lane>, inner: Int
  ) {
    withFullWidth(c, stride, rows: rows, columns, mode) { c, stride, mode in
      stored(c, stride, mode, x, xStride, panel, inner)
    }
  }

  /// Calls `body` with a c that has all columns of a panel: a temporary copy if the result has fewer.
  @inline(__always)
  private static func withFullWidth(
    _ c: UnsafeMutableRawPointer, _ stride: Int, rows: Int, _ columns: Int, _ mode: StoreMode,
    _ body: (_ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode) -> Void
  ) {
    if columns == PanelTile.columns { return body(c, stride, mode) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: PanelTile.rows * PanelTile.columns) { copy in
      guard let floats = copy.baseAddress else { return }
      func each(_ body: (_ row: Int, _ column: Int, _ index: Int) -> Void) {
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
  static func tile<Row: TileRow>(
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
    case 7 where rows >= 7: packedTile(InlineArray<7, Row>.self, c, stride, mode, x, panel, inner)
    case 8 where rows >= 8: packedTile(InlineArray<8, Row>.self, c, stride, mode, x, panel, inner)
    default: preconditionFailure("a tile of \(count) rows")
    }
  }

  @inline(never)
  private static func packedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Row.Lane>, _ panel: UnsafePointer<Row.Lane>, _ inner: Int
  ) {
    var rows: InlineArray<count, Row> = initialSums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      let lanes = Row(panel)
      if count >= minimumRowsForPrefetch {
        for line in 0..<Row.columns / vectorWidth { phd_prefetch_l2(panel + prefetchDistance + line &* vectorWidth) }
      }
      for row in 0..<count { rows[unchecked: row].add(x[row], lanes) }
      x += count
      panel += Row.columns
    }
    write(rows, c, stride, mode)
  }

  @inline(never)
  static func storedTile<Row: TileRow, let count: Int>(
    _: InlineArray<count, Row>.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Row.Lane>, _ xStride: Int, _ panel: UnsafePointer<Row.Lane>, _ inner: Int
  ) {
    var rows: InlineArray<count, Row> = initialSums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      let lanes = Row(panel)
      for row in 0..<count { rows[unchecked: row].add(x[row &* xStride], lanes) }
      x += 1
      panel += Row.columns
    }
    write(rows, c, stride, mode)
  }

  /// The sums to which a tile's products are added.
  @inline(__always)
  private static func initialSums<Row: TileRow, let count: Int>(
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
