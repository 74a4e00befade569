import COpenBLAS

/// Matrix products in tiles.
///
/// A product's bits depend on how it is cut (OpenBLAS's kernels differ at edges), so every product is cut into tiles
/// that its shape alone fixes, each tile is one single-threaded call, and the threads share out the tiles. No bit
/// then depends on the number of threads, or on what else was stacked onto the same matrix.
public enum MatrixProduct {
  /// The largest tile of a product whose rows are tokens: rows × columns of the result.
  static let tokenTile = (rows: 512, columns: 4096)
  /// The largest tile of a gradient of weights, whose inner dimension runs over tokens.
  static let weightTile = (rows: 512, columns: 1024)

  /// Makes every call of OpenBLAS single-threaded. To be called once, before the first product.
  public static func useOwnThreads() { openblas_set_num_threads(1) }

  /// y ← x · wᵀ, the forward of a linear map; x [M, K], w [N, K], y [M, N].
  ///
  /// Tiles never cross a multiple of `segment` rows: what is stacked below a segment changes no bit of it.
  public static func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix, segment: Int, on team: ThreadTeam) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    tiled(y, segment: segment, tile: tokenTile, on: team) { tile, rows, columns in
      multiply(tile, x.rows(rows), .asIs, w.rows(columns), .transposed)
    }
  }

  /// dx ← dy · w, plus dx where `accumulating`: the gradient of a linear map's input; dy [M, N], w [N, K], dx [M, K].
  public static func inputGradient(
    _ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool = false, segment: Int, on team: ThreadTeam
  ) {
    precondition(dx.rows == dy.rows && dy.columns == w.rows && dx.columns == w.columns, "dx \(dx), dy \(dy), w \(w)")
    tiled(dx, segment: segment, tile: tokenTile, on: team) { tile, rows, columns in
      multiply(tile, dy.rows(rows), .asIs, w.columns(columns), .asIs, plus: accumulating ? 1 : 0)
    }
  }

  /// dw ← dw + dyᵀ · x, the gradient of a linear map's weights; dy [M, N], x [M, K], dw [N, K].
  public static func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix, on team: ThreadTeam) {
    precondition(dw.rows == dy.columns && dw.columns == x.columns && dy.rows == x.rows, "dw \(dw), dy \(dy), x \(x)")
    tiled(dw, segment: dw.rows, tile: weightTile, on: team) { tile, rows, columns in
      multiply(tile, dy.columns(rows), .transposed, x.columns(columns), .asIs, plus: 1)
    }
  }

  /// How an operand enters a product.
  enum Operand {
    case asIs
    case transposed

    var blas: CBLAS_TRANSPOSE { self == .asIs ? CblasNoTrans : CblasTrans }
  }

  /// c ← scale · a · b + plus · c, one single-threaded call.
  @inline(__always)
  static func multiply(
    _ c: Matrix, _ a: Matrix, _ aIs: Operand, _ b: Matrix, _ bIs: Operand, scale: Float = 1, plus: Float = 0
  ) {
    let inner = aIs == .asIs ? a.columns : a.rows
    cblas_sgemm(
      CblasRowMajor, aIs.blas, bIs.blas, blasint(c.rows), blasint(c.columns), blasint(inner),
      scale, a.pointer, blasint(a.stride), b.pointer, blasint(b.stride), plus, c.pointer, blasint(c.stride))
  }

  /// Calls `body` for each tile of `result` with the rows and columns it covers.
  private static func tiled(
    _ result: Matrix, segment: Int, tile: (rows: Int, columns: Int), on team: ThreadTeam,
    _ body: (_ tile: Matrix, _ rows: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    if result.rows == 0 { return }
    let segments = (result.rows + segment - 1) / segment
    let rowTiles = (min(segment, result.rows) + tile.rows - 1) / tile.rows
    let columnTiles = (result.columns + tile.columns - 1) / tile.columns
    team.forEach(segments * rowTiles * columnTiles) { index, _ in
      let column = index % columnTiles
      let row = index / columnTiles % rowTiles
      let first = index / columnTiles / rowTiles * segment
      let end = min(first + segment, result.rows)
      let rows = min(first + row * tile.rows, end)..<min(first + (row + 1) * tile.rows, end)
      let columns = column * tile.columns..<min((column + 1) * tile.columns, result.columns)
      if !rows.isEmpty { body(result.rows(rows).columns(columns), rows, columns) }
    }
  }
}
