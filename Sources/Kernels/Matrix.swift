/// A row-major matrix somewhere in memory that somebody else owns: `rows` × `columns`, rows `stride` floats apart.
public struct Matrix {
  public let pointer: UnsafeMutablePointer<Float>
  public let rows: Int
  public let columns: Int
  public let stride: Int

  public init(_ pointer: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns > 0 && stride >= columns, "a matrix of \(rows) × \(columns), stride \(stride)")
    self.pointer = pointer
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The rows in `range`.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return Matrix(pointer + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  /// The columns in `range`.
  public func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return Matrix(pointer + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  /// Copies all elements of another matrix of the same shape.
  public func copy(from other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "\(self) from \(other)")
    for index in 0..<rows { row(index).update(from: other.row(index), count: columns) }
  }

  /// Where row `index` starts.
  @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index &* stride }
}
