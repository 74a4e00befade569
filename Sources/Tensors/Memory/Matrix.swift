/// A row-major matrix in memory that the caller owns: `rows` × `columns`, rows `stride` elements apart.
public struct Matrix {
  public let type: ElementType
  public let rows: Int
  public let columns: Int
  public let stride: Int
  public let base: UnsafeMutableRawPointer

  /// A matrix of fp32.
  public init(_ pointer: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
    self.init(UnsafeMutableRawPointer(pointer), .fp32, rows: rows, columns: columns, stride: stride)
  }

  public init(
    _ base: UnsafeMutableRawPointer, _ type: ElementType, rows: Int, columns: Int, stride: Int? = nil
  ) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns > 0 && stride >= columns, "a matrix of \(rows) × \(columns), stride \(stride)")
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The rows in `range`.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return Matrix(
      base + range.lowerBound * stride * type.bytes, type, rows: range.count, columns: columns, stride: stride)
  }

  /// The columns in `range`.
  public func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return Matrix(base + range.lowerBound * type.bytes, type, rows: rows, columns: range.count, stride: stride)
  }

  /// Row i ← row `sources[i]` of this fp32 matrix, in place.
  ///
  /// - Precondition: `sources` is ascending.
  public func compact(_ sources: [Int32]) {
    precondition(type == .fp32 && sources.count <= rows && sources.last.map { Int($0) < rows } ?? true, "\(self)")
    for (index, source) in sources.enumerated() where index != Int(source) {
      row(index).update(from: row(Int(source)), count: columns)
    }
  }

  /// Every element ← 0.
  public func clear() {
    for row in 0..<rows {
      (base + row * stride * type.bytes).initializeMemory(as: UInt8.self, repeating: 0, count: columns * type.bytes)
    }
  }

  /// The elements of an fp32 matrix.
  @inlinable @inline(__always)
  public var pointer: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }

  /// Row `index` of an fp32 matrix.
  @inlinable @inline(__always)
  package func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index &* stride }

  /// The elements of a bf16 matrix.
  @inlinable @inline(__always)
  package var bf16: UnsafeMutablePointer<UInt16> { base.assumingMemoryBound(to: UInt16.self) }

  /// Row `index` of a bf16 matrix.
  @inlinable @inline(__always)
  package func bf16Row(_ index: Int) -> UnsafeMutablePointer<UInt16> { bf16 + index &* stride }
}
