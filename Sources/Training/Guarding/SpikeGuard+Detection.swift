import Configuration
import RunFiles

extension SpikeGuard {
  /// Whether a step is a spike. Adds its values to the history.
  ///
  /// A spike is clipped to the largest value that would not have been one. So the guard still detects the next spike,
  /// and it adapts to a permanently higher level.
  ///
  /// - Precondition: both values are finite.
  public func isSpike(loss: Double, gradientNorm: Double, _ history: inout SpikeHistory) -> Bool {
    precondition(loss.isFinite && gradientNorm.isFinite, "a value in the history is not finite")
    let lossIsOne = enter(loss, into: &history.losses)
    let normIsOne = enter(gradientNorm, into: &history.gradientNorms)
    return lossIsOne || normIsOne
  }

  private func enter(_ value: Double, into values: inout [Double]) -> Bool {
    // A window that was shortened keeps its newest values.
    if values.count > window { values.removeFirst(values.count - window) }
    guard values.count == window else {
      values.append(value)
      return false
    }
    let limit = limit(of: values)
    values.removeFirst()
    values.append(min(value, limit))
    return value > limit
  }

  /// Mean + `zScore` standard deviations. The deviation is at least a thousandth of the mean, because a small
  /// difference is not a spike if all values are nearly equal.
  private func limit(of values: [Double]) -> Double {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return mean + zScore * max(variance.squareRoot(), 1e-3 * abs(mean))
  }
}
