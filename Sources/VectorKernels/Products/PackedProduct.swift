import Tensors

/// The implementation of ``PackedProductKernel``.
///
/// Rows of x are multiplied in tiles (``PanelTile``). With few rows, each weight is read once, so the speed is that of
/// memory; with many rows, it is that of the processor's multiply-adds. An element's bits depend neither on the other
/// rows nor on the number of threads.
final class PackedProduct: PackedProductKernel {
  /// The number of bytes of a block of packed rows of x, which stays in a core's own cache together with a panel of weights.
  private static let cachedBytes = 1 << 18

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  init(on team: ThreadTeam) { self.team = team }

  func forward(_ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    precondition(
      y.type == .fp32 && x.type == .fp32 && w.panelRows == PanelTile.columns, "y \(y), x \(x), w \(w)")
    if x.rows == 0 { return }
    switch w.type {
    case .fp32: forward(FloatPanels.self, y, x, w)
    case .bf16 where MicroKernel.current.multipliesBF16: forward(BF16Panels.self, y, x, w)
    case .bf16: forward(WidenedPanels.self, y, x, w)
    }
  }

  private func forward<Panels: WeightPanels>(_: Panels.Type, _ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    let perRow = w.lanes * Panels.factorsPerLane
    let needed = x.rows * perRow + team.count * Panels.scratchFloats
    if scratch.count < needed { scratch = Buffer(count: needed) }
    let factors = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Panels.Factors.Lane.self)
    let workers = scratch.pointer + x.rows * perRow
    let groups = RowGroups(rows: x.rows)
    team.forEach(groups.count) { group, _ in
      let rows = groups[group]
      let target = factors + rows.lowerBound * perRow
      Panels.Factors.transpose(
        x.row(rows.lowerBound), stride: x.stride, count: rows.count, columns: x.columns, into: target,
        stride: rows.count)
      // The element that the last weight of an odd number is paired with.
      let written = Panels.Factors.Lane.lanes(for: x.columns) * rows.count
      (target + written).update(repeating: .zero, count: rows.count * perRow - written)
    }
    let blockGroups = min(groups.count, max(1, PackedProduct.cachedBytes / (4 * perRow * PanelTile.rows)))
    let blocks = (groups.count + blockGroups - 1) / blockGroups
    let weights = UnsafeRawPointer(w.base).assumingMemoryBound(to: Panels.Weight.self)
    team.forEach(blocks * w.panels) { piece, worker in
      let column = piece % w.panels &* PanelTile.columns
      let first = piece / w.panels &* blockGroups
      Panels.multiply(
        y, columns: column..<min(column &+ PanelTile.columns, w.rows), factors, groups,
        first..<min(first &+ blockGroups, groups.count), weights + column &* w.lanes, inner: w.lanes,
        scratch: workers + worker &* Panels.scratchFloats)
    }
  }
}

/// Rows, divided into as few groups as fit in tiles, of nearly equal size: with tiles of four rows, six rows are two groups
/// of three, not of four and two.
private struct RowGroups {
  let rows: Int
  let count: Int

  init(rows: Int) {
    self.rows = rows
    count = (rows + PanelTile.rows - 1) / PanelTile.rows
  }

  @inline(__always)
  subscript(group: Int) -> Range<Int> { group &* rows / count..<(group &+ 1) &* rows / count }
}

/// A way to multiply packed weights: how the elements of x (the factors) are packed, and which tiles multiply them by a
/// panel of weights.
private protocol WeightPanels {
  associatedtype Factors: LaneSource<Float>
  associatedtype Weight: PackedLane

  /// The number of factors that are multiplied with one lane of weights.
  static var factorsPerLane: Int { get }
  /// A worker's scratch memory, in floats.
  static var scratchFloats: Int { get }

  /// y ← x · panel for some groups of rows and the columns of one panel.
  ///
  /// - Parameters:
  ///   - x: the packed rows of all groups, [group][factors of a row][rows of the group].
  ///   - panel: [inner][``PanelTile/columns``], followed by the next panel.
  ///   - inner: the number of lanes of a weight's row.
  static func multiply(
    _ y: Matrix, columns: Range<Int>, _ x: UnsafePointer<Factors.Lane>, _ groups: RowGroups, _ block: Range<Int>,
    _ panel: UnsafePointer<Weight>, inner: Int, scratch: UnsafeMutablePointer<Float>)
}

/// Weights of the type that is multiplied.
private protocol PlainPanels: WeightPanels where Factors.Lane == Weight {}

extension PlainPanels {
  static var factorsPerLane: Int { 1 }
  static var scratchFloats: Int { 0 }

  @inline(__always)
  static func multiply(
    _ y: Matrix, columns: Range<Int>, _ x: UnsafePointer<Weight>, _ groups: RowGroups, _ block: Range<Int>,
    _ panel: UnsafePointer<Weight>, inner: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    tiles(
      y, columns: columns, .store, x, groups, block, 0..<inner, of: inner, panel,
      next: panel + PanelTile.columns &* inner, innerOfNext: inner)
  }
}

/// Computes the tiles of some groups of rows and one panel.
///
/// - Parameters:
///   - part: the lanes of a row that the panel holds.
///   - inner: the number of all lanes of a row.
///   - next: the panel to prefetch, which may be of another type.
///   - innerOfNext: the number of its lanes.
@inline(__always)
private func tiles<Lane: PackedLane, Next: PackedLane>(
  _ y: Matrix, columns: Range<Int>, _ mode: PanelTile.StoreMode, _ x: UnsafePointer<Lane>, _ groups: RowGroups,
  _ block: Range<Int>, _ part: Range<Int>, of inner: Int, _ panel: UnsafePointer<Lane>, next: UnsafePointer<Next>,
  innerOfNext: Int
) {
  for group in block {
    let rows = groups[group]
    PanelTile.multiply(
      rows.count, UnsafeMutableRawPointer(y.row(rows.lowerBound) + columns.lowerBound), stride: y.stride,
      columns: columns.count, mode, x + (rows.lowerBound &* inner &+ part.lowerBound &* rows.count), panel,
      inner: part.count,
      prefetch: PanelTile.Prefetch(
        panel, next: next, lanes: innerOfNext, steps: part.count, tile: group &- block.lowerBound, of: block.count))
  }
}

private enum FloatPanels: PlainPanels {
  typealias Factors = FloatLanes
  typealias Weight = Float
}

private enum BF16Panels: PlainPanels {
  typealias Factors = RoundedBF16Lanes
  typealias Weight = BF16Pair
}

/// bf16 weights for fp32 products: memory is read at half the rate of fp32. One or two rows are multiplied while the
/// weights are widened in registers; for more, a panel is widened first.
private enum WidenedPanels: WeightPanels {
  typealias Factors = RoundedFloatLanes
  typealias Weight = BF16Pair

  static var factorsPerLane: Int { 2 }
  static var scratchFloats: Int { 2 &* chunk &* PanelTile.columns }

  @inline(__always)
  static func multiply(
    _ y: Matrix, columns: Range<Int>, _ x: UnsafePointer<Float>, _ groups: RowGroups, _ block: Range<Int>,
    _ panel: UnsafePointer<BF16Pair>, inner: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    if groups.rows <= 2 {
      return PanelTile.multiplyWidened(
        groups.rows, UnsafeMutableRawPointer(y.pointer + columns.lowerBound), stride: y.stride,
        columns: columns.count, .store, x, panel, inner: inner)
    }
    var first = 0
    while first < inner {
      let count = min(chunk, inner &- first)
      let part = panel + first &* PanelTile.columns
      PanelTile.widen(part, inner: count, into: scratch)
      tiles(
        y, columns: columns, first == 0 ? .store : .add, x, groups, block, 2 &* first..<2 &* (first &+ count),
        of: 2 &* inner, UnsafePointer(scratch), next: part + count &* PanelTile.columns, innerOfNext: count)
      first &+= count
    }
  }

  /// The number of pairs that are widened at a time: as many as stay in the L1 cache.
  private static var chunk: Int { 128 }
}
