/// How passes over rows are cut: pieces of a fixed number of rows, so that sums over rows don't depend on threads.
enum Rows {
  static let perPiece = 64

  static func pieces(_ rows: Int) -> Int { (rows + perPiece - 1) / perPiece }

  @inline(__always)
  static func range(_ piece: Int, of rows: Int) -> Range<Int> {
    piece &* perPiece..<min((piece &+ 1) &* perPiece, rows)
  }
}

/// The gradient of a vector that all rows share (a norm's weight): one partial sum a piece of rows, added in order.
public struct RowSums {
  let partials: UnsafeMutablePointer<Float>

  /// How many floats of scratch the partial sums of `rows` rows of `columns` take: a sum and a row for each piece.
  public static func scratchCount(rows: Int, columns: Int) -> Int { 2 * Rows.pieces(rows) * columns }

  /// - Parameter scratch: at least ``scratchCount(rows:columns:)`` floats.
  public init(scratch: UnsafeMutablePointer<Float>) { partials = scratch }

  /// The zeroed partial sum of one piece.
  @inline(__always)
  func begin(piece: Int, columns: Int) -> UnsafeMutablePointer<Float> {
    let partial = partials + 2 &* piece &* columns
    partial.update(repeating: 0, count: columns)
    return partial
  }

  /// Room for one row, of one piece's own.
  @inline(__always)
  func row(piece: Int, columns: Int) -> UnsafeMutablePointer<Float> { partials + (2 &* piece &+ 1) &* columns }

  /// Adds the partial sums of all pieces of `rows` rows to `total` [columns], first piece first.
  func add(to total: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    for piece in 0..<Rows.pieces(rows) {
      let partial = partials + 2 &* piece &* columns
      for column in 0..<columns { total[column] += partial[column] }
    }
  }
}
