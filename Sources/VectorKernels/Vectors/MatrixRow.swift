import Tensors

/// A row of a matrix of some element type, read and written as fp32. Kernels are generic over it and specialized for each
/// type.
protocol MatrixRow {
  /// The elements from `base` on.
  init(_ base: UnsafeMutableRawPointer)
  /// Row `index` of a matrix of this type.
  init(_ matrix: Matrix, _ index: Int)
  func vector(at index: Int) -> Vector
  func store(_ vector: Vector, at index: Int)
  subscript(index: Int) -> Float { get nonmutating set }
  /// The row's elements from `count` on.
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
