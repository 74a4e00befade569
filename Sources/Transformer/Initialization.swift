import Host

#if canImport(Glibc)
  import Glibc
#endif

extension ParameterLayout {
  /// Fills a flat buffer with initial weights: normal(0, σ) truncated at ±3σ; norms' weights are 1.
  ///
  /// Each element depends only on the seed, the index of its tensor and its index in the tensor, so all ranks get the
  /// same weights.
  public func initialize(_ parameters: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    precondition(parameters.count == count, "\(parameters.count) floats for \(count) parameters")
    for (index, tensor) in tensors.enumerated() {
      if tensor.isNorm {
        for element in tensor.range { parameters[element] = 1 }
        continue
      }
      let stream = SplitMix64.mixed(SplitMix64.mixed(seed) &+ UInt64(index))
      for (offset, element) in tensor.range.enumerated() {
        let z = truncatedNormal(stream: stream, counter: UInt64(offset))
        parameters[element] = Float(z * model.initializerRange)
      }
    }
  }
}

/// A standard normal number truncated at ±3, by the Box-Muller method from a sequence of uniform numbers that is
/// specific to the counter.
private func truncatedNormal(stream: UInt64, counter: UInt64) -> Double {
  var state = SplitMix64.mixed(stream ^ SplitMix64.mixed(counter))
  while true {
    state = SplitMix64.mixed(state)
    let first = (Double(state >> 11) + 0.5) * 0x1p-53
    state = SplitMix64.mixed(state)
    let second = Double(state >> 11) * 0x1p-53
    let z = (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
    if abs(z) <= 3 { return z }
  }
}
