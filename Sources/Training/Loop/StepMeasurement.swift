import JSON
import RunFiles

/// The measurements of one step, the source of every metric in its log record.
struct StepMeasurement {
  let result: StepResult
  /// The run's progress after the step.
  let progress: RunProgress
  /// The epoch of the step's first sample, from 0.
  let epoch: Int
  let time: Console.StepTime

  /// The value of a metric in the log; nil if this run does not have the metric.
  func value(of metric: StepMetric) -> JSONValue? {
    switch metric {
    case .loss: number(result.loss)
    case .zLoss: number(result.zLoss)
    case .gradientNorm: number(result.gradientNorm)
    case .learningRate: .number(result.learningRate)
    case .tokens: .integer(progress.tokens)
    case .epoch: .integer(epoch)
    case .seconds: .number(time.whole)
    case .tokensPerSecond: .number(Double(result.tokens) / max(time.whole, 1e-9))
    }
  }

  /// Null for a number that is not finite, which JSON cannot represent.
  private func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
}
