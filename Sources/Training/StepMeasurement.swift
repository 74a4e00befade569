import JSON
import RunFiles

/// What is known of a step when it is done: the source of every metric in its log record.
struct StepMeasurement {
  let result: StepResult
  /// After the step.
  let progress: RunProgress
  /// Of the step's first sample, from 0.
  let epoch: Int
  let time: Console.StepTime

  /// A metric's value in the log; nil if this run does not have it. A number that is not finite is null.
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

  /// JSON has no number that is not finite.
  private func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
}
