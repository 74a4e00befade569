/// cos and sin of the rotary angles n · θ^(−2c/e) (Su et al., arXiv 2104.09864), for n < positions, c < e/2.
public final class RotaryTable: Sendable {
  public let positions: Int
  public let headSize: Int
  private let buffer: Buffer

  public init(positions: Int, headSize: Int, theta: Double) {
    self.positions = positions
    self.headSize = headSize
    let half = headSize / 2
    buffer = Buffer(count: 2 * positions * half)
    for position in 0..<positions {
      for column in 0..<half {
        let angle = Double(position) * power(theta, -2 * Double(column) / Double(headSize))
        buffer.pointer[(2 * position) * half + column] = Float(cosine(angle))
        buffer.pointer[(2 * position + 1) * half + column] = Float(sine(angle))
      }
    }
  }

  /// The cosines of one position [e/2]; its sines follow them.
  @inline(__always)
  func row(_ position: Int) -> UnsafePointer<Float> { UnsafePointer(buffer.pointer + position &* headSize) }

  /// target ← RoPE(x ⊙ weight · factor), one head of `headSize` at one position.
  @inline(__always)
  func rotate(
    _ target: some MatrixRow, _ x: some MatrixRow, weight: UnsafePointer<Float>, factor: Float, position: Int
  ) {
    let half = headSize / 2
    let angles = row(position)
    overVectors(half) { column in
      let low = x.vector(at: column) * weight.vector(at: column) * factor
      let high = x.vector(at: half &+ column) * weight.vector(at: half &+ column) * factor
      let (cos, sin) = (angles.vector(at: column), angles.vector(at: half &+ column))
      target.store(low * cos - high * sin, at: column)
      target.store(high * cos + low * sin, at: half &+ column)
    } tail: { column in
      let low = x[column] * weight[column] * factor
      let high = x[half &+ column] * weight[half &+ column] * factor
      target[column] = low * angles[column] - high * angles[half &+ column]
      target[half &+ column] = high * angles[column] + low * angles[half &+ column]
    }
  }
}
