import Tensors

/// Products of large bf16 matrices by oneDNN. It is fast on processors with AVX512-BF16 and faster with AMX; without them,
/// it takes about four times as long as sgemm. It needs AVX-512.
///
/// Its result may differ in the last bits when a product is cut differently. So the product's shape alone determines how
/// it is cut into tiles, each tile is one single-threaded call, and the tiles are distributed among the threads.
final class LibraryProduct: @unchecked Sendable {
  // Unchecked: one thread at a time uses a worker's products.

  /// The largest number of rows of a tile. Each call packs its operands, which costs relatively more for small tiles. A tile
  /// has all columns, because oneDNN is fastest without gaps.
  private static let tileRows = 1024
  /// The number of row tiles of a segment is a multiple of this, for an even distribution among threads.
  private static let rowTileMultiple = 2

  /// Whether a product reads an operand or its transpose.
  enum OperandOrder {
    case normal
    case transposed
  }

  private let team: ThreadTeam
  /// One for each worker. They allocate at the first product of each ``ProductForm``, so shapes must come from a
  /// configuration.
  private let products: [OneDNNProduct]

  init(on team: ThreadTeam) {
    precondition(Processor.hasAVX512, "oneDNN's bf16 products need AVX-512")
    self.team = team
    products = (0..<team.count).map { _ in OneDNNProduct() }
  }

  /// y ← x · wᵀ. Tiles never cross a multiple of `segment` rows, so that rows of other segments change no bit of a segment.
  func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix, segment: Int) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    tiled(y, segment: segment) { tile, rows, worker in
      multiply(tile, x.rows(rows), .normal, w, .transposed, worker: worker)
    }
  }

  /// dx ← dy · w, plus dx if `accumulating`.
  func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool, segment: Int) {
    precondition(dx.rows == dy.rows && dy.columns == w.rows && dx.columns == w.columns, "dx \(dx), dy \(dy), w \(w)")
    tiled(dx, segment: segment) { tile, rows, worker in
      multiply(tile, dy.rows(rows), .normal, w, .normal, accumulating: accumulating, worker: worker)
    }
  }

  /// c ← a · b, plus c if `accumulating`: one single-threaded call.
  ///
  /// - Parameter worker: the caller's number. No two concurrent calls may use the same.
  func multiply(
    _ c: Matrix, _ a: Matrix, _ aOrder: OperandOrder, _ b: Matrix, _ bOrder: OperandOrder, accumulating: Bool = false,
    worker: Int
  ) {
    precondition(a.type == .bf16 && b.type == .bf16, "a \(a), b \(b), c \(c)")
    if c.rows == 0 { return }
    let form = ProductForm(
      rows: c.rows, columns: c.columns, inner: aOrder == .normal ? a.columns : a.rows,
      aTransposed: aOrder == .transposed, bTransposed: bOrder == .transposed,
      aStride: a.stride, bStride: b.stride, cStride: c.stride, cIsBF16: c.type == .bf16, accumulating: accumulating)
    products[worker].multiply(c.base, a.bf16, b.bf16, form)
  }

  /// Calls `body` for each tile of `result` with the rows that it covers. The tiles of a segment have nearly equal sizes.
  private func tiled(
    _ result: Matrix, segment: Int, _ body: (_ tile: Matrix, _ rows: Range<Int>, _ worker: Int) -> Void
  ) {
    if result.rows == 0 { return }
    let segments = (result.rows + segment - 1) / segment
    let height = min(segment, result.rows)
    let multiple = LibraryProduct.rowTileMultiple
    let perMultiple = LibraryProduct.tileRows * multiple
    let tiles = min(height, (height + perMultiple - 1) / perMultiple * multiple)
    // Whole cache lines, if there are several tiles.
    let tileRows = tiles == 1 ? height : min(height, ((height + tiles - 1) / tiles + 15) / 16 * 16)
    team.forEach(segments * tiles) { index, worker in
      let first = index / tiles * segment
      let end = min(first + segment, result.rows)
      let row = index % tiles
      let rows = min(first + row * tileRows, end)..<min(first + (row + 1) * tileRows, end)
      if !rows.isEmpty { body(result.rows(rows), rows, worker) }
    }
  }
}
