import Kernels

/// Numbers in [−1, 1).
func random(_ count: Int, seed: UInt64) -> Buffer {
  var state = seed
  let buffer = Buffer(count: count)
  for index in 0..<count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    buffer.pointer[index] = Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
  }
  return buffer
}
