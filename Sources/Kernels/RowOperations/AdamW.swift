import Tensors

#if canImport(Glibc)
  import Glibc
#endif

/// Adam with decoupled weight decay and bias-corrected moments (Loshchilov and Hutter, arXiv 1711.05101).
public struct AdamW: Sendable {
  public let beta1: Float
  public let beta2: Float
  public let epsilon: Float

  public init(beta1: Double, beta2: Double, epsilon: Double) {
    self.beta1 = Float(beta1)
    self.beta2 = Float(beta2)
    self.epsilon = Float(epsilon)
    exactBeta1 = beta1
    exactBeta2 = beta2
  }

  private let exactBeta1: Double
  private let exactBeta2: Double

  /// The number of elements of one piece of work.
  private static let piece = 1 << 16

  /// One update of one tensor: p ← p − lr·(m̂ / (√v̂ + ε) + decay·p), with g = `scale` · gradient and s = `step` ≥ 1.
  ///
  /// - Parameters:
  ///   - parameters, gradient, average, squareAverage: of equal size.
  ///   - leavesChange: whether to overwrite the gradient with each parameter's change.
  public func update(
    _ parameters: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>,
    average: UnsafeMutableBufferPointer<Float>, squareAverage: UnsafeMutableBufferPointer<Float>,
    scale: Float, learningRate: Double, decay: Double, step: Int, leavesChange: Bool = false,
    on team: ThreadTeam
  ) {
    let count = parameters.count
    precondition(
      gradient.count == count && average.count == count && squareAverage.count == count, "tensors of unequal size")
    guard let p = parameters.baseAddress, let g = gradient.baseAddress, let m = average.baseAddress,
      let v = squareAverage.baseAddress
    else { return }
    // The rate and the root include the bias corrections of m and v.
    let coefficients = AdamWCoefficients(
      beta1: beta1, beta2: beta2, fresh1: Float(1 - exactBeta1), fresh2: Float(1 - exactBeta2), epsilon: epsilon,
      scale: scale, kept: Float(1 - learningRate * decay),
      rate: Float(learningRate / (1 - pow(exactBeta1, Double(step)))),
      root: Float((1 / (1 - pow(exactBeta2, Double(step)))).squareRoot()))
    team.forEach((count + AdamW.piece - 1) / AdamW.piece) { index, _ in
      let start = index * AdamW.piece
      kernels.adamW.update(
        p + start, g + start, m + start, v + start, count: min(AdamW.piece, count - start), coefficients,
        leavesChange: leavesChange)
    }
  }
}
