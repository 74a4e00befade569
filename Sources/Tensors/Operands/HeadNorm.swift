/// The norm over all heads of a row together that precedes their rotation (QK norm).
public struct HeadNorm {
  /// [columns].
  public let weight: UnsafeMutablePointer<Float>
  public let epsilon: Float

  public init(weight: UnsafeMutablePointer<Float>, epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }
}
