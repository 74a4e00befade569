/// What the elements of a matrix are kept as.
public enum ElementType: String, Sendable, CaseIterable {
  case fp32
  /// The upper half of an fp32.
  case bf16

  /// Bytes of one element.
  public var bytes: Int { self == .fp32 ? 4 : 2 }
}

/// A row-major matrix somewhere in memory that somebody else owns: `rows` × `columns`, rows `stride` elements apart.
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

  /// Row i ← row `sources[i]`, of an fp32 matrix without gaps.
  ///
  /// - Precondition: sources ascend.
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

  /// Copies all elements of another matrix of the same shape, widened or rounded where the types differ.
  public func copy(from other: Matrix, on team: ThreadTeam) {
    precondition(rows == other.rows && columns == other.columns, "\(self) from \(other)")
    team.forEach(Rows.pieces(rows)) { piece, _ in
      for index in Rows.range(piece, of: rows) {
        switch (type, other.type) {
        case (.fp32, .fp32): row(index).update(from: other.row(index), count: columns)
        case (.fp32, .bf16): BF16.widen(row(index), other.bf16Row(index), count: columns)
        case (.bf16, .fp32): BF16.round(bf16Row(index), other.row(index), count: columns)
        case (.bf16, .bf16): bf16Row(index).update(from: other.bf16Row(index), count: columns)
        }
      }
    }
  }

  /// Where an fp32 matrix starts.
  @inline(__always)
  public var pointer: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }

  /// Where row `index` of an fp32 matrix starts.
  @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index &* stride }

  /// Where a bf16 matrix starts.
  @inline(__always)
  var bf16: UnsafeMutablePointer<UInt16> { base.assumingMemoryBound(to: UInt16.self) }

  /// Where row `index` of a bf16 matrix starts.
  @inline(__always)
  func bf16Row(_ index: Int) -> UnsafeMutablePointer<UInt16> { bf16 + index &* stride }
}

/// A row of a matrix, whatever its elements are kept as: for kernels that are written once and compiled for each.
protocol MatrixRow {
  /// Elements of this type from `base` on.
  init(_ base: UnsafeMutableRawPointer)
  /// Row `index` of a matrix of this type.
  init(_ matrix: Matrix, _ index: Int)
  func vector(at index: Int) -> Vector
  func store(_ vector: Vector, at index: Int)
  subscript(index: Int) -> Float { get nonmutating set }
  /// The row from `count` elements on.
  func advanced(by count: Int) -> Self
  /// Sets the elements in `range` to zero.
  func clear(_ range: Range<Int>)
}

struct FloatRow: MatrixRow {
  let pointer: UnsafeMutablePointer<Float>

  @inline(__always)
  init(_ pointer: UnsafeMutablePointer<Float>) { self.pointer = pointer }

  @inline(__always)
  init(_ base: UnsafeMutableRawPointer) { pointer = base.assumingMemoryBound(to: Float.self) }

  @inline(__always)
  init(_ matrix: Matrix, _ index: Int) { pointer = matrix.row(index) }

  @inline(__always)
  func vector(at index: Int) -> Vector { pointer.vector(at: index) }

  @inline(__always)
  func store(_ vector: Vector, at index: Int) { pointer.store(vector, at: index) }

  @inline(__always)
  subscript(index: Int) -> Float {
    get { pointer[index] }
    nonmutating set { pointer[index] = newValue }
  }

  @inline(__always)
  func advanced(by count: Int) -> FloatRow { FloatRow(pointer + count) }

  @inline(__always)
  func clear(_ range: Range<Int>) { (pointer + range.lowerBound).update(repeating: 0, count: range.count) }
}

struct BF16Row: MatrixRow {
  let pointer: UnsafeMutablePointer<UInt16>

  @inline(__always)
  init(_ pointer: UnsafeMutablePointer<UInt16>) { self.pointer = pointer }

  @inline(__always)
  init(_ base: UnsafeMutableRawPointer) { pointer = base.assumingMemoryBound(to: UInt16.self) }

  @inline(__always)
  init(_ matrix: Matrix, _ index: Int) { pointer = matrix.bf16Row(index) }

  @inline(__always)
  func vector(at index: Int) -> Vector { Vector(bf16: pointer, at: index) }

  @inline(__always)
  func store(_ vector: Vector, at index: Int) { vector.store(bf16: pointer, at: index) }

  @inline(__always)
  subscript(index: Int) -> Float {
    get { Float(bf16: pointer[index]) }
    nonmutating set { pointer[index] = newValue.bf16 }
  }

  @inline(__always)
  func advanced(by count: Int) -> BF16Row { BF16Row(pointer + count) }

  @inline(__always)
  func clear(_ range: Range<Int>) { (pointer + range.lowerBound).update(repeating: 0, count: range.count) }
}
