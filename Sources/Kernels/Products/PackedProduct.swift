/// y ← x · wᵀ for weights that lie packed, however few rows x has: see ``PackedMatrix``.
///
/// Rows of x go through eight at a time, or what is left (``PanelTile``). So weights are read once for all rows where
/// they are few, which is as fast as memory allows, and many rows reach the processor's multiply-adds. An element's bits
/// depend neither on the other rows nor on the threads.
public final class PackedProduct {
  /// Bytes of x that are packed to stay in a core's own cache, beside a panel of weights.
  private static let cachedBytes = 1 << 18

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  public init(on team: ThreadTeam) { self.team = team }

  /// y ← x · wᵀ; x [M, K] fp32, rounded to w's type; w [N, K]; y [M, N] fp32.
  public func forward(_ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    precondition(y.type == .fp32 && x.type == .fp32, "y \(y), x \(x)")
    switch w.type {
    case .fp32: forward(FloatLanes.self, y, x, w)
    case .bf16: forward(RoundedBF16Lanes.self, y, x, w)
    }
  }

  private func forward<Source: LaneSource<Float>>(_: Source.Type, _ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    let (lanes, atOnce) = (w.lanes, PanelTile.rows)
    if scratch.count < x.rows * lanes { scratch = Buffer(count: x.rows * lanes) }
    let packed = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Source.Lane.self)
    let groups = (x.rows + atOnce - 1) / atOnce
    team.forEach(groups) { group, _ in
      let rows = group * atOnce..<min((group + 1) * atOnce, x.rows)
      Source.transpose(
        x.row(rows.lowerBound), stride: x.stride, count: rows.count, columns: x.columns,
        into: packed + rows.lowerBound * lanes, stride: rows.count)
    }
    let blockRows = max(1, PackedProduct.cachedBytes / (4 * lanes * atOnce)) * atOnce
    let blocks = (x.rows + blockRows - 1) / blockRows
    let weights = UnsafeRawPointer(w.base).assumingMemoryBound(to: Source.Lane.self)
    team.forEach(blocks * w.panels) { piece, _ in
      let panel = piece % w.panels
      let column = panel &* PanelTile.columns
      let columns = min(PanelTile.columns, w.rows &- column)
      let end = min((piece / w.panels &+ 1) &* blockRows, x.rows)
      var row = piece / w.panels &* blockRows
      while row < end {
        let rows = min(atOnce, end &- row)
        PanelTile.multiply(
          rows, UnsafeMutableRawPointer(y.row(row) + column), stride: y.stride, columns: columns, .store,
          UnsafePointer(packed + row &* lanes), weights + column &* lanes, inner: lanes)
        row &+= rows
      }
    }
  }
}
