import Configuration
import RunFiles

extension SpikeGuard {
  /// Whether a step is a spike. Its values join the history.
  ///
  /// A spike joins as the largest value that would not have been one. So it does not blind the guard, and the guard
  /// adapts to a level that has risen for good.
  ///
  /// - Precondition: both values are finite.
  public func isSpike(loss: Double, gradientNorm: Double, _ history: inout SpikeHistory) -> Bool {
    precondition(loss.isFinite && gradientNorm.isFinite, "the history has finite values only")
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

  /// The mean and `zScore` standard deviations, which count as a thousandth of the mean at the least: values that hardly
  /// differ do not make the next small difference a spike.
  private func limit(of values: [Double]) -> Double {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return mean + zScore * max(variance.squareRoot(), 1e-3 * abs(mean))
  }
}
