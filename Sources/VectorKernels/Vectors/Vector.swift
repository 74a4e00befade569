import CProcessor
import Tensors

/// Sixteen floats: one AVX-512 register, or two of AVX2.
typealias Vector = SIMD16<Float>

/// Eight floats: one register of AVX2.
typealias HalfVector = SIMD8<Float>

extension UnsafePointer<Float> {
  /// The eight floats from `index` on, which need not be aligned.
  @inline(__always)
  func halfVector(at index: Int) -> HalfVector {
    UnsafeRawPointer(self + index).loadUnaligned(as: HalfVector.self)
  }

  /// The sixteen floats from `index` on, which need not be aligned.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }
}

extension UnsafeMutablePointer<Float> {
  /// The sixteen floats from `index` on, which need not be aligned.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }

  @inline(__always)
  func store(_ vector: HalfVector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: vector, as: HalfVector.self)
  }

  @inline(__always)
  func store(_ vector: Vector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: vector, as: Vector.self)
  }
}

extension Float {
  /// This + a · b, rounded once.
  @inline(__always)
  func adding(_ a: Float, times b: Float) -> Float { addingProduct(a, b) }
}

extension SIMD8<Float> {
  /// This + a · b, each lane rounded once.
  @inline(__always)
  func adding(_ a: HalfVector, times b: HalfVector) -> HalfVector {
    Instructions.fuse ? addingProduct(a, b) : phd_fused_eight(self, a, b)
  }
}

extension SIMD16<Float> {
  /// This + a · b, each lane rounded once.
  @inline(__always)
  func adding(_ a: Vector, times b: Vector) -> Vector {
    Instructions.fuse ? addingProduct(a, b) : phd_fused(self, a, b)
  }

  /// The sum of the lanes, added in a fixed order.
  @inline(__always)
  var laneSum: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The largest lane; no lane may be NaN.
  @inline(__always)
  var laneMaximum: Float { phd_max_lane(self) }
}

/// 0, 1, … 15, to mask the lanes beyond an end.
@inline(__always)
var laneIndices: Vector { Vector(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }

/// Calls `body` for each whole vector in 0..<count, and `tail` for each remaining index.
@inline(__always)
func overVectors(_ count: Int, _ body: (Int) -> Void, tail: (Int) -> Void) {
  var index = 0
  while index &+ vectorWidth <= count {
    body(index)
    index &+= vectorWidth
  }
  while index < count {
    tail(index)
    index &+= 1
  }
}
