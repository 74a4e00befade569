/// Pieces of work of a pass over rows. Their size is fixed, so that sums over rows do not depend on the number of threads.
package enum Rows {
  package static let perPiece = 64

  package static func pieces(_ rows: Int) -> Int { (rows + perPiece - 1) / perPiece }

  @inlinable @inline(__always)
  package static func range(_ piece: Int, of rows: Int) -> Range<Int> {
    piece &* perPiece..<min((piece &+ 1) &* perPiece, rows)
  }
}

/// Sums over rows, such as the gradient of a norm's weight: one partial sum per piece of rows, added in order.
public struct RowSums {
  private let partials: UnsafeMutablePointer<Float>

  /// The number of floats of scratch for `rows` rows of `columns` columns: a partial sum and a row for each piece.
  public static func scratchCount(rows: Int, columns: Int) -> Int { 2 * Rows.pieces(rows) * columns }

  /// - Parameter scratch: at least ``scratchCount(rows:columns:)`` floats.
  public init(scratch: UnsafeMutablePointer<Float>) { partials = scratch }

  /// Zeroes and returns the partial sum of one piece.
  package func zeroed(piece: Int, columns: Int) -> UnsafeMutablePointer<Float> {
    let partial = partials + 2 &* piece &* columns
    partial.update(repeating: 0, count: columns)
    return partial
  }

  /// Scratch for one row of one piece.
  package func row(piece: Int, columns: Int) -> UnsafeMutablePointer<Float> { partials + (2 &* piece &+ 1) &* columns }

  /// Adds the partial sums of all pieces of `rows` rows to `total` [columns], in the order of the pieces.
  package func add(to total: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    for piece in 0..<Rows.pieces(rows) {
      let partial = partials + 2 &* piece &* columns
      for column in 0..<columns { total[column] += partial[column] }
    }
  }
}
