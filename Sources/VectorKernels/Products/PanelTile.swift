import CProcessor
import Tensors

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

  /// The memory that a tile prefetches into L2, a part for each lane of the inner dimension.
  ///
  /// If several tiles read a panel, each prefetches its share of the next panel. A tile that is the only one of its panel
  /// prefetches that panel, a short distance ahead.
  struct Prefetch {
    let address: UnsafeRawPointer
    /// The number of bytes of a part.
    let stride: Int

    /// The distance that a tile prefetches ahead in its own panel, in bytes.
    fileprivate static var distance: Int { 1024 }

    /// - Parameters:
    ///   - panel: the panel that the tile reads.
    ///   - next: the panel after it, with `lanes` lanes of the inner dimension.
    ///   - steps: the number of lanes of the tile's inner dimension.
    ///   - tile: index of the tile among the `tiles` that read the same panel.
    @inline(__always)
    init<Lane: PackedLane, Next: PackedLane>(
      _ panel: UnsafePointer<Lane>, next: UnsafePointer<Next>, lanes: Int, steps: Int, tile: Int, of tiles: Int
    ) {
      let bytes = PanelTile.columns &* MemoryLayout<Next>.size &* lanes
      stride = bytes / (tiles &* steps)
      address =
        tiles == 1 && Lane.self == Next.self
        ? UnsafeRawPointer(panel) + Prefetch.distance : UnsafeRawPointer(next) + tile &* (bytes / tiles)
    }

    /// Whether prefetching one cache line for each part leaves no line out.
    @inline(__always)
    var needsOneLine: Bool { stride <= 64 }
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
    _ x: UnsafePointer<Lane>, _ panel: UnsafePointer<Lane>, inner: Int, prefetch: Prefetch
  ) {
    withFullWidth(c, stride, rows: count, columns, mode) { c, stride, mode in
      packed(count, c, stride, mode, x, panel, inner, prefetch)
    }
  }

  /// c ← x · panel for one or two packed rows of fp32 and a panel of bf16, which is widened in registers.
  ///
  /// - Parameters:
  ///   - x: [2 · inner][count].
  ///   - panel: [inner][``columns``].
  ///   - inner: the number of pairs of the inner dimension.
  @inline(__always)
  static func multiplyWidened(
    _ count: Int, _ c: UnsafeMutableRawPointer, stride: Int, columns: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Float>, _ panel: UnsafePointer<BF16Pair>, inner: Int
  ) {
    withFullWidth(c, stride, rows: count, columns, mode) { c, stride, mode in
      widened(count, c, stride, mode, x, panel, inner)
    }
  }

  /// target [2 · inner][``columns``] ← a panel of bf16, widened.
  static func widen(_ panel: UnsafePointer<BF16Pair>, inner: Int, into target: UnsafeMutablePointer<Float>) {
    var (panel, target) = (panel, target)
    for _ in 0..<inner {
      var column = 0
      while column < columns {
        target.store(BF16Pair.lower(panel + column), at: column)
        target.store(BF16Pair.upper(panel + column), at: columns &+ column)
        column &+= 8
      }
      panel += columns
      target += 2 &* columns
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
    _ x: UnsafePointer<Row.Lane>, _ panel: UnsafePointer<Row.Lane>, _ inner: Int, _ prefetch: Prefetch
  ) {
    switch count {
    case 1: packedTile(SingleRow<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 2: packedTile(TwoRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 3: packedTile(ThreeRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 4: packedTile(FourRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 5 where rows >= 5: packedTile(FiveRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 6 where rows >= 6: packedTile(SixRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 7 where rows >= 7: packedTile(SevenRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    case 8 where rows >= 8: packedTile(EightRows<Row>.self, c, stride, mode, x, panel, inner, prefetch)
    default: preconditionFailure("a tile of \(count) rows")
    }
  }

  @inline(never)
  private static func packedTile<Sums: Tile>(
    _: Sums.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Sums.Row.Lane>, _ panel: UnsafePointer<Sums.Row.Lane>, _ inner: Int, _ prefetch: Prefetch
  ) {
    var sums: Sums = initialSums(c, stride, mode)
    var (x, panel, address) = (x, panel, prefetch.address)
    for _ in 0..<inner {
      if MicroKernel.current.sharesPrefetch {
        // One row reads memory at its full rate without prefetching.
        if Sums.rows > 1 {
          phd_prefetch_l2(address)
          if !prefetch.needsOneLine { phd_prefetch_l2(address + prefetch.stride / 2) }
          address += prefetch.stride
        }
      } else if Sums.rows >= minimumRowsForPrefetch {
        for line in 0..<Sums.Row.columns / vectorWidth {
          phd_prefetch_l2(panel + prefetchDistance + line &* vectorWidth)
        }
      }
      sums.add(x, stride: 1, Sums.Row(panel))
      x += Sums.rows
      panel += Sums.Row.columns
    }
    write(sums, c, stride, mode)
  }

  @inline(never)
  static func widenedTile<Sums: Tile>(
    _: Sums.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode, _ x: UnsafePointer<Float>,
    _ panel: UnsafePointer<BF16Pair>, _ inner: Int
  ) where Sums.Row: WidenedTileRow {
    var sums: Sums = initialSums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      // A row of the panel is one and a half cache lines, or two.
      phd_prefetch_l2(UnsafeRawPointer(panel) + Prefetch.distance)
      phd_prefetch_l2(UnsafeRawPointer(panel + Sums.Row.columns / 2) + Prefetch.distance)
      sums.add(x, stride: 1, Sums.Row(lower: panel))
      sums.add(x + Sums.rows, stride: 1, Sums.Row(upper: panel))
      x += 2 &* Sums.rows
      panel += Sums.Row.columns
    }
    write(sums, c, stride, mode)
  }

  @inline(never)
  static func storedTile<Sums: Tile>(
    _: Sums.Type, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode,
    _ x: UnsafePointer<Sums.Row.Lane>, _ xStride: Int, _ panel: UnsafePointer<Sums.Row.Lane>, _ inner: Int
  ) {
    var sums: Sums = initialSums(c, stride, mode)
    var (x, panel) = (x, panel)
    for _ in 0..<inner {
      sums.add(x, stride: xStride, Sums.Row(panel))
      x += 1
      panel += Sums.Row.columns
    }
    write(sums, c, stride, mode)
  }

  /// The sums to which a tile's products are added.
  @inline(__always)
  private static func initialSums<Sums: Tile>(
    _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode
  ) -> Sums {
    mode == .add ? Sums(sums: c.assumingMemoryBound(to: Float.self), stride: stride) : Sums()
  }

  @inline(__always)
  private static func write<Sums: Tile>(
    _ sums: Sums, _ c: UnsafeMutableRawPointer, _ stride: Int, _ mode: StoreMode
  ) {
    if mode == .round {
      sums.store(rounded: c.assumingMemoryBound(to: UInt16.self), stride: stride)
    } else {
      sums.store(c.assumingMemoryBound(to: Float.self), stride: stride, accumulating: false)
    }
  }
}
