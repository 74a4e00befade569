import Kernels

/// A contiguous matrix of either type with its own memory.
struct TestMatrix {
  let matrix: Matrix
  private let buffer: Buffer

  /// Random values in [−1, 1), rounded to the type, in the first `filled` columns; zero in the others.
  init(_ type: ElementType, rows: Int, columns: Int, filled: Int? = nil, seed: UInt64) {
    self.init(type, rows: rows, columns: columns)
    let values = random(rows * columns, seed: seed)
    for row in 0..<rows {
      for column in 0..<(filled ?? columns) { self[row, column] = Double(values.pointer[row * columns + column]) }
    }
  }

  /// All elements equal to `value`.
  init(_ type: ElementType, rows: Int, columns: Int, repeating value: Double = 0) {
    buffer = Buffer(count: rows * columns)
    matrix = Matrix(UnsafeMutableRawPointer(buffer.pointer), type, rows: rows, columns: columns)
    if value == 0 { return }
    for row in 0..<rows {
      for column in 0..<columns { self[row, column] = value }
    }
  }

  var base: UnsafeMutableRawPointer { matrix.base }
  /// The elements of an fp32 matrix.
  var floats: UnsafeMutablePointer<Float> { matrix.pointer }

  subscript(row: Int, column: Int) -> Double {
    get {
      switch matrix.type {
      case .fp32: Double(matrix.row(row)[column])
      case .bf16: Double(Float(bf16: matrix.bf16Row(row)[column]))
      }
    }
    nonmutating set {
      switch matrix.type {
      case .fp32: matrix.row(row)[column] = Float(newValue)
      case .bf16: matrix.bf16Row(row)[column] = Float(newValue).bf16
      }
    }
  }

  /// The elements in `columns` of a row.
  func row(_ row: Int, _ columns: Range<Int>? = nil) -> [Double] {
    (columns ?? 0..<matrix.columns).map { self[row, $0] }
  }

  /// All elements, row by row.
  var values: [Double] { (0..<matrix.rows).flatMap { row($0) } }
}

/// The largest difference of two elements, relative to the largest magnitude in `expected`. NaN if any element is NaN.
func largestError(_ found: [Double], _ expected: [Double]) -> Double {
  precondition(found.count == expected.count, "\(found.count) and \(expected.count) elements")
  let scale = expected.reduce(1e-30) { max($0, abs($1)) }
  return zip(found, expected).reduce(0) { worst, pair in
    let error = abs(pair.0 - pair.1) / scale
    return error <= worst ? worst : error
  }
}

extension ElementType {
  /// The tolerance of ``largestError(_:_:)`` for results that are stored in this type or computed from operands of it:
  /// many fp32 roundings, or a few of bf16, of 2⁻⁹ each.
  var tolerance: Double { self == .fp32 ? 1e-5 : 2e-2 }
}
