#if canImport(Glibc)
  import Glibc
#endif

extension ParameterLayout {
  /// Fills a flat buffer with initial weights: normal(0, σ) cut at ±3σ, norms' weights 1.
  ///
  /// Each element is a function of the seed, its tensor's place among the tensors, and its own place in it, so all
  /// ranks and any number of threads make the same weights.
  public func initialize(_ parameters: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    precondition(parameters.count == count, "\(parameters.count) floats for \(count) parameters")
    for (index, tensor) in tensors.enumerated() {
      if tensor.isNorm {
        for element in tensor.range { parameters[element] = 1 }
        continue
      }
      let stream = mixed(mixed(seed) &+ UInt64(index))
      for (offset, element) in tensor.range.enumerated() {
        let z = truncatedNormal(stream: stream, counter: UInt64(offset))
        parameters[element] = Float(z * model.initializerRange)
      }
    }
  }
}

/// A standard normal number cut at ±3, from the counter's own sequence of uniform ones (Box and Muller).
private func truncatedNormal(stream: UInt64, counter: UInt64) -> Double {
  var state = mixed(stream ^ mixed(counter))
  while true {
    state = mixed(state)
    let first = (Double(state >> 11) + 0.5) * 0x1p-53
    state = mixed(state)
    let second = Double(state >> 11) * 0x1p-53
    let z = (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
    if abs(z) <= 3 { return z }
  }
}

/// SplitMix64's step and finaliser (Steele, Lea and Flood, OOPSLA 2014).
private func mixed(_ value: UInt64) -> UInt64 {
  var z = value &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
