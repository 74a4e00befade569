/// Products of large matrices: by ``PanelProduct``, or in bf16 by oneDNN if that is faster.
///
/// A library's result may differ in the last bits when a product is cut differently. So for oneDNN the product's shape
/// alone determines how it is cut into tiles, each tile is one single-threaded call, and the tiles are distributed among
/// the threads. With both implementations, no bit depends on the number of threads.
///
/// Both operands have the same type. Sums are fp32; the result is fp32, or rounded once to bf16.
public struct MatrixProduct: Sendable {
  /// The largest tile of a product whose rows are tokens: rows × columns of the result. Each call packs its operands,
  /// which costs relatively more for small tiles. A tile has all columns, because oneDNN is fastest without gaps.
  private static let tokenTile = (rows: 1024, columns: Int.max)
  /// The largest tile of a gradient of weights, whose inner dimension runs over tokens.
  private static let weightTile = (rows: 1024, columns: 1536)
  /// The number of row tiles of a segment is a multiple of this, for an even distribution among threads.
  private static let rowTileMultiple = 2

  let team: ThreadTeam
  /// Type of the operands.
  let type: ElementType
  /// The implementation: exactly one of the two is not nil.
  private let panels: PanelProduct?
  private let library: BF16Product?

  /// - Parameter type: of the operands.
  public init(of type: ElementType, on team: ThreadTeam) { self.init(of: type, on: team, bf16: .preferred) }

  /// - Parameter backend: the code that multiplies bf16.
  init(of type: ElementType, on team: ThreadTeam, bf16 backend: BF16Product.Backend) {
    self.team = team
    self.type = type
    let isOwn = type == .fp32 || backend == .panels
    panels = isOwn ? PanelProduct(on: team) : nil
    library = isOwn ? nil : BF16Product(workers: team.count, backend: backend)
  }

  /// y ← x · wᵀ, the forward pass of a linear map; x [M, K], w [N, K], y [M, N].
  ///
  /// Tiles never cross a multiple of `segment` rows, so that rows of other segments change no bit of a segment.
  public func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix, segment: Int) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    if let panels { return panels.multiply(y, x, .normal, w, .transposed, accumulating: false) }
    tiled(y, segment: segment, tile: MatrixProduct.tokenTile) { tile, rows, columns, worker in
      multiply(tile, x.rows(rows), .normal, w.rows(columns), .transposed, worker: worker)
    }
  }

  /// dx ← dy · w, plus dx if `accumulating`: the gradient of a linear map's input; dy [M, N], w [N, K], dx [M, K].
  public func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool = false, segment: Int) {
    precondition(dx.rows == dy.rows && dy.columns == w.rows && dx.columns == w.columns, "dx \(dx), dy \(dy), w \(w)")
    if let panels { return panels.multiply(dx, dy, .normal, w, .normal, accumulating: accumulating) }
    tiled(dx, segment: segment, tile: MatrixProduct.tokenTile) { tile, rows, columns, worker in
      multiply(tile, dy.rows(rows), .normal, w.columns(columns), .normal, accumulating: accumulating, worker: worker)
    }
  }

  /// dw ← dw + dyᵀ · x, the gradient of a linear map's weights; dy [M, N], x [M, K], dw [N, K].
  public func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix) {
    precondition(dw.rows == dy.columns && dw.columns == x.columns && dy.rows == x.rows, "dw \(dw), dy \(dy), x \(x)")
    if let panels { return panels.multiply(dw, dy, .transposed, x, .normal, accumulating: true) }
    tiled(dw, segment: dw.rows, tile: MatrixProduct.weightTile) { tile, rows, columns, worker in
      multiply(tile, dy.columns(rows), .transposed, x.columns(columns), .normal, accumulating: true, worker: worker)
    }
  }

  /// c ← a · b, plus c if `accumulating`, for bf16 operands: one single-threaded call of the library.
  func multiply(
    _ c: Matrix, _ a: Matrix, _ aOrder: OperandOrder, _ b: Matrix, _ bOrder: OperandOrder, accumulating: Bool = false,
    worker: Int
  ) {
    guard let library, a.type == .bf16, b.type == .bf16 else { preconditionFailure("a \(a), b \(b), c \(c)") }
    let form = BF16Product.Form(
      rows: c.rows, columns: c.columns, inner: aOrder == .normal ? a.columns : a.rows,
      aTransposed: aOrder == .transposed, bTransposed: bOrder == .transposed,
      aStride: a.stride, bStride: b.stride, cStride: c.stride, cIsBF16: c.type == .bf16, accumulating: accumulating)
    library.multiply(c.base, a.bf16, b.bf16, form, worker: worker)
  }

  /// Whether a product reads an operand or its transpose.
  enum OperandOrder {
    case normal
    case transposed
  }

  /// Calls `body` for each tile of `result` with the rows and columns that it covers.
  ///
  /// The tiles of a segment have nearly equal sizes.
  private func tiled(
    _ result: Matrix, segment: Int, tile: (rows: Int, columns: Int),
    _ body: (_ tile: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, _ worker: Int) -> Void
  ) {
    if result.rows == 0 { return }
    let segments = (result.rows + segment - 1) / segment
    let height = min(segment, result.rows)
    let multiple = MatrixProduct.rowTileMultiple
    let rowTiles = min(height, (height + tile.rows * multiple - 1) / (tile.rows * multiple) * multiple)
    let columnTiles = (result.columns - 1) / tile.columns + 1
    let (tileRows, tileColumns) = (share(of: height, rowTiles), share(of: result.columns, columnTiles))
    team.forEach(segments * rowTiles * columnTiles) { index, worker in
      let column = index % columnTiles
      let row = index / columnTiles % rowTiles
      let first = index / columnTiles / rowTiles * segment
      let end = min(first + segment, result.rows)
      let rows = min(first + row * tileRows, end)..<min(first + (row + 1) * tileRows, end)
      let columns =
        min(column * tileColumns, result.columns)..<min((column + 1) * tileColumns, result.columns)
      if !rows.isEmpty && !columns.isEmpty { body(result.rows(rows).columns(columns), rows, columns, worker) }
    }
  }

  /// `count` / `parts`, rounded up, and to whole cache lines if there are several parts.
  private func share(of count: Int, _ parts: Int) -> Int {
    if parts == 1 { return count }
    return min(count, ((count + parts - 1) / parts + 15) / 16 * 16)
  }
}
