import Tensors

/// 2ˣ, lane by lane, with a relative error under 3e-7 for x in [−126, 126]. Arguments beyond this range are clamped to it.
@inline(__always)
func powerOfTwo(_ x: Vector) -> Vector {
  let lowest = Vector(repeating: -126)
  let highest = Vector(repeating: 126)
  var clamped = x.replacing(with: lowest, where: x .< lowest)
  clamped = clamped.replacing(with: highest, where: clamped .> highest)
  // Adding 1.5·2²³ rounds to an integer, which is then in the low bits. A shift moves it into the exponent.
  let shifted = clamped + Vector(repeating: 12_582_912)
  let fraction = clamped - (shifted - Vector(repeating: 12_582_912))
  var result = Vector(repeating: 0.000_153_458_12)
  result = Vector(repeating: 0.001_339_993_1).adding(result, times: fraction)
  result = Vector(repeating: 0.009_618_489_0).adding(result, times: fraction)
  result = Vector(repeating: 0.055_503_288).adding(result, times: fraction)
  result = Vector(repeating: 0.240_226_47).adding(result, times: fraction)
  result = Vector(repeating: 0.693_147_21).adding(result, times: fraction)
  result = Vector(repeating: 1).adding(result, times: fraction)
  let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< SIMD16<Int32>(repeating: 23)
  return unsafeBitCast(unsafeBitCast(result, to: SIMD16<Int32>.self) &+ exponent, to: Vector.self)
}

/// 2ˣ computed as the vector form does, so that a loop's tail gives the same bits as its body.
@inline(__always)
func powerOfTwo(_ x: Float) -> Float { powerOfTwo(Vector(repeating: x))[0] }
