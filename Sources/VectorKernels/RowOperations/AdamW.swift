import Tensors

/// The implementation of ``AdamWKernel``.
enum AdamW: AdamWKernel {
  static func update(
    _ p: UnsafeMutablePointer<Float>, _ g: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
    _ v: UnsafeMutablePointer<Float>, count: Int, _ by: AdamWCoefficients, leavesChange: Bool
  ) {
    overVectors(count) { i in
      let gradient = g.vector(at: i) * by.scale
      let average = (m.vector(at: i) * by.beta1).adding(gradient, times: Vector(repeating: by.fresh1))
      let square = (v.vector(at: i) * by.beta2).adding(gradient * gradient, times: Vector(repeating: by.fresh2))
      m.store(average, at: i)
      v.store(square, at: i)
      let change = average * by.rate / (square.squareRoot() * by.root + by.epsilon)
      let old = p.vector(at: i)
      let new = old * by.kept - change
      p.store(new, at: i)
      if leavesChange { g.store(new - old, at: i) }
    } tail: { i in
      let gradient = g[i] * by.scale
      // Rounded as the vectors are, so that the place where a tensor is cut changes no bit.
      m[i] = (m[i] * by.beta1).adding(gradient, times: by.fresh1)
      v[i] = (v[i] * by.beta2).adding(gradient * gradient, times: by.fresh2)
      let old = p[i]
      let new = old * by.kept - m[i] * by.rate / (v[i].squareRoot() * by.root + by.epsilon)
      p[i] = new
      if leavesChange { g[i] = new - old }
    }
  }
}
