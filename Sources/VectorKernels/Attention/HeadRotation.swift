import Tensors

/// The step from a projection's row to rotated heads: scale · RoPE(RMSNorm(row)), or scale · RoPE(row) without a norm.
struct HeadRotation {
  let norm: HeadNorm?
  let rotary: RotaryTable
  let scale: Float

  /// What all heads of a row are multiplied by, in addition to the norm's weight.
  ///
  /// - Parameter columns: of the row's heads together.
  @inline(__always)
  func factor(of row: some MatrixRow, columns: Int) -> Float {
    norm.map { scale * RMSNorm.inverseRMS(row, count: columns, epsilon: $0.epsilon) } ?? scale
  }

  /// target [e] ← head `head` of `row`, rotated by its position.
  @inline(__always)
  func write(_ target: some MatrixRow, head: Int, of row: some MatrixRow, factor: Float, position: Int) {
    let first = head &* rotary.headSize
    rotary.rotate(
      target, row.advanced(by: first), weight: norm.map { UnsafePointer($0.weight + first) }, factor: factor,
      position: position)
  }
}
