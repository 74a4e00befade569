#if canImport(Glibc)
  import Glibc
#endif

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
        let angle = Double(position) * pow(theta, -2 * Double(column) / Double(headSize))
        buffer.pointer[(2 * position) * half + column] = Float(cos(angle))
        buffer.pointer[(2 * position + 1) * half + column] = Float(sin(angle))
      }
    }
  }

  /// The cosines of one position [e/2], followed by its sines [e/2].
  package func row(_ position: Int) -> UnsafePointer<Float> { UnsafePointer(buffer.pointer + position &* headSize) }
}
