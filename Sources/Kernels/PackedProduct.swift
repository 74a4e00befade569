import CProcessor

/// y ← x · wᵀ for weights that lie packed, however few rows x has: see ``PackedMatrix``.
///
/// Rows of x go through eight at a time, or what is left, and with 32 columns of y they stay in registers while one
/// panel of weights is gone through. So weights are read once for all rows where they are few, which is as fast as
/// memory allows, and many rows reach the processor's multiply-adds. An element of y is one sum over the inner
/// dimension in its order: its bits depend neither on the other rows nor on the threads.
public final class PackedProduct {
  /// Bytes of x that are packed to stay in a core's own cache, beside a panel of weights.
  private static let cachedBytes = 1 << 18
  /// Rows in registers at one time: there are 32 of them with AVX-512, else 16 of half the size.
  private static let rowsAtOnce = Processor.builtWithAVX512 ? 8 : 2

  /// How many words ahead of their use weights are asked for, into the core's second cache.
  private static let ahead = 4096
  /// From so many rows on: with fewer, memory is all that a product waits for, and the processor's own prefetching does
  /// better than this.
  private static let rowsToAskAhead = 6

  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  public init(on team: ThreadTeam) { self.team = team }

  /// y ← x · wᵀ; x [M, K] fp32, rounded to w's type; w [N, K]; y [M, N] fp32.
  public func forward(_ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    precondition(y.type == .fp32 && x.type == .fp32, "y \(y), x \(x)")
    switch w.type {
    case .fp32: forward(Float.self, y, x, w)
    case .bf16: forward(BF16Pair.self, y, x, w)
    }
  }

  private func forward<Word: BlockElement>(_: Word.Type, _ y: Matrix, _ x: Matrix, _ w: PackedMatrix) {
    let (words, atOnce) = (w.words, PackedProduct.rowsAtOnce)
    if scratch.count < x.rows * words { scratch = Buffer(count: x.rows * words) }
    let packed = UnsafeMutableRawPointer(scratch.pointer).assumingMemoryBound(to: Word.self)
    let groups = (x.rows + atOnce - 1) / atOnce
    team.forEach(groups) { group, _ in
      let rows = group * atOnce..<min((group + 1) * atOnce, x.rows)
      let place = UnsafeMutableRawPointer(packed + rows.lowerBound * words).assumingMemoryBound(to: UInt32.self)
      Word.turn(x.rows(rows), into: place, stride: rows.count)
    }
    let blockRows = max(1, PackedProduct.cachedBytes / (4 * words * atOnce)) * atOnce
    let blocks = (x.rows + blockRows - 1) / blockRows
    let weights = UnsafeRawPointer(w.base).assumingMemoryBound(to: Word.self)
    team.forEach(blocks * w.panels) { piece, _ in
      let panel = piece % w.panels
      let column = panel &* PackedMatrix.panel
      let columns = min(PackedMatrix.panel, w.rows &- column)
      let end = min((piece / w.panels &+ 1) &* blockRows, x.rows)
      var row = piece / w.panels &* blockRows
      while row < end {
        let rows = min(atOnce, end &- row)
        PackedProduct.rows(
          rows, y.row(row) + column, y.stride, columns, packed + row &* words, weights + column &* words, words)
        row &+= rows
      }
    }
  }

  /// A tile of y: `count` rows, up to 32 columns.
  @inline(__always)
  private static func rows<Word: BlockElement>(
    _ count: Int, _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ columns: Int, _ x: UnsafePointer<Word>,
    _ w: UnsafePointer<Word>, _ words: Int
  ) {
    switch count {
    case 1: tile(InlineArray<1, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 2: tile(InlineArray<2, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 3: tile(InlineArray<3, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 4: tile(InlineArray<4, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 5: tile(InlineArray<5, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 6: tile(InlineArray<6, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 7: tile(InlineArray<7, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    case 8: tile(InlineArray<8, TileRow<Word>>.self, y, yStride, columns, x, w, words)
    default: preconditionFailure("\(count) rows at once")
    }
  }

  /// x [words][rows], w [words][32].
  @inline(never)
  private static func tile<Word: BlockElement, let count: Int>(
    _: InlineArray<count, TileRow<Word>>.Type, _ y: UnsafeMutablePointer<Float>, _ yStride: Int, _ columns: Int,
    _ x: UnsafePointer<Word>, _ w: UnsafePointer<Word>, _ words: Int
  ) {
    var rows = InlineArray<count, TileRow<Word>>(repeating: TileRow())
    var (x, w) = (x, w)
    for _ in 0..<words {
      let (w0, w1) = (Word.words(w, at: 0), Word.words(w, at: vectorWidth))
      if count >= rowsToAskAhead {
        phd_prefetch_far(w + ahead)
        phd_prefetch_far(w + ahead + vectorWidth)
      }
      for row in 0..<count { rows[unchecked: row].add(x[row], w0, w1) }
      x += count
      w += PackedMatrix.panel
    }
    for row in 0..<count { rows[unchecked: row].write(y + row &* yStride, columns) }
  }
}

/// A row of a tile: 32 sums.
private struct TileRow<Word: BlockElement> {
  private var v0 = Vector.zero
  private var v1 = Vector.zero

  @inline(__always)
  mutating func add(_ factor: Word, _ w0: Vector, _ w1: Vector) {
    v0 = factor.product(w0, addedTo: v0)
    v1 = factor.product(w1, addedTo: v1)
  }

  /// The first `columns` of them.
  @inline(__always)
  func write(_ y: UnsafeMutablePointer<Float>, _ columns: Int) {
    if columns == PackedMatrix.panel {
      y.store(v0, at: 0)
      y.store(v1, at: vectorWidth)
    } else {
      for column in 0..<columns { y[column] = column < vectorWidth ? v0[column] : v1[column &- vectorWidth] }
    }
  }
}
