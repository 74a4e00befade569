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
    let kept = Float(1 - learningRate * decay)
    // p − rate·m / (√v·root + ε): rate and root include the bias corrections of m and v.
    let rate = Float(learningRate / (1 - power(exactBeta1, Double(step))))
    let root = Float((1 / (1 - power(exactBeta2, Double(step)))).squareRoot())
    let fresh1 = Float(1 - exactBeta1)
    let fresh2 = Float(1 - exactBeta2)
    team.forEach((count + AdamW.piece - 1) / AdamW.piece) { index, _ in
      let start = index * AdamW.piece
      let (p, g, m, v) = (p + start, g + start, m + start, v + start)
      overVectors(min(AdamW.piece, count - start)) { i in
        let gradient = g.vector(at: i) * scale
        let average = (m.vector(at: i) * beta1).addingProduct(gradient, Vector(repeating: fresh1))
        let square = (v.vector(at: i) * beta2).addingProduct(gradient * gradient, Vector(repeating: fresh2))
        m.store(average, at: i)
        v.store(square, at: i)
        let change = average * rate / (square.squareRoot() * root + epsilon)
        let old = p.vector(at: i)
        let new = old * kept - change
        p.store(new, at: i)
        if leavesChange { g.store(new - old, at: i) }
      } tail: { i in
        let gradient = g[i] * scale
        // Rounded as the vectors are, so that the place where a tensor is cut changes no bit.
        m[i] = (m[i] * beta1).addingProduct(gradient, fresh1)
        v[i] = (v[i] * beta2).addingProduct(gradient * gradient, fresh2)
        let old = p[i]
        let new = old * kept - m[i] * rate / (v[i].squareRoot() * root + epsilon)
        p[i] = new
        if leavesChange { g[i] = new - old }
      }
    }
  }
}
