import CProcessor

/// Sixteen floats: one AVX-512 register, or two of AVX2.
typealias Vector = SIMD16<Float>

/// How many floats a ``Vector`` holds.
let vectorWidth = 16

extension UnsafePointer<Float> {
  /// The sixteen floats from `index` on; no alignment is asked for.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }
}

extension UnsafeMutablePointer<Float> {
  /// The sixteen floats from `index` on; no alignment is asked for.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }

  @inline(__always)
  func store(_ vector: Vector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: vector, as: Vector.self)
  }
}

extension SIMD16<Float> {
  /// The sum of the lanes, in a fixed order.
  @inline(__always)
  var laneSum: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The largest lane; all are numbers.
  @inline(__always)
  var laneMaximum: Float { phd_max_lane(self) }
}

/// 2ˣ, lane by lane, with a relative error under 3e-7 for x in [−126, 126]; beyond these it stays at their values.
@inline(__always)
func exp2(_ x: Vector) -> Vector {
  let lowest = Vector(repeating: -126)
  let highest = Vector(repeating: 126)
  var clamped = x.replacing(with: lowest, where: x .< lowest)
  clamped = clamped.replacing(with: highest, where: clamped .> highest)
  // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits, from where a shift makes the exponent.
  let shifted = clamped + Vector(repeating: 12_582_912)
  let fraction = clamped - (shifted - Vector(repeating: 12_582_912))
  var result = Vector(repeating: 0.000_153_458_12)
  result = Vector(repeating: 0.001_339_993_1).addingProduct(result, fraction)
  result = Vector(repeating: 0.009_618_489_0).addingProduct(result, fraction)
  result = Vector(repeating: 0.055_503_288).addingProduct(result, fraction)
  result = Vector(repeating: 0.240_226_47).addingProduct(result, fraction)
  result = Vector(repeating: 0.693_147_21).addingProduct(result, fraction)
  result = Vector(repeating: 1).addingProduct(result, fraction)
  let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< SIMD16<Int32>(repeating: 23)
  return unsafeBitCast(unsafeBitCast(result, to: SIMD16<Int32>.self) &+ exponent, to: Vector.self)
}

/// 2ˣ as the vector form computes it, so that a loop's tail gives the same bits as its body.
@inline(__always)
func exp2(_ x: Float) -> Float { exp2(Vector(repeating: x))[0] }

/// log₂ e: the factor between natural and binary exponents.
public let log2e: Float = 1.442_695_040_888_963_4

/// ln 2.
public let ln2: Float = 0.693_147_180_559_945_3
