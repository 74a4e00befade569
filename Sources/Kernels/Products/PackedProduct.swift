/// y ← x · wᵀ for packed weights (``PackedMatrix``) and any number of rows of x.
///
/// Rows of x are multiplied in tiles (``PanelTile``). With few rows, each weight is read once, so the speed is that of
/// memory; with many rows, it is that of the processor's multiply-adds. An element's bits depend neither on the other
/// rows nor on the number of threads.
public final class PackedProduct {
  /// The number of bytes of a block of packed rows of x, which stays in a core's own cache together with a panel of weights.
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
    let (lanes, tileRows) = (w.lanes, PanelTile.rows)
    if scratch.count < x.rows * lanes { scratch = Buffer(count: x.rows * lanes) }
    let packed = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Source.Lane.self)
    let groups = (x.rows + tileRows - 1) / tileRows
    team.forEach(groups) { group, _ in
      let rows = group * tileRows..<min((group + 1) * tileRows, x.rows)
      Source.transpose(
        x.row(rows.lowerBound), stride: x.stride, count: rows.count, columns: x.columns,
        into: packed + rows.lowerBound * lanes, stride: rows.count)
    }
    let blockRows = max(1, PackedProduct.cachedBytes / (4 * lanes * tileRows)) * tileRows
    let blocks = (x.rows + blockRows - 1) / blockRows
    let weights = UnsafeRawPointer(w.base).assumingMemoryBound(to: Source.Lane.self)
    team.forEach(blocks * w.panels) { piece, _ in
      let panel = piece % w.panels
      let column = panel &* PanelTile.columns
      let columns = min(PanelTile.columns, w.rows &- column)
      let end = min((piece / w.panels &+ 1) &* blockRows, x.rows)
      var row = piece / w.panels &* blockRows
      while row < end {
        let rows = min(tileRows, end &- row)
        PanelTile.multiply(
          rows, UnsafeMutableRawPointer(y.row(row) + column), stride: y.stride, columns: columns, .store,
          UnsafePointer(packed + row &* lanes), weights + column &* lanes, inner: lanes)
        row &+= rows
      }
    }
  }
}
