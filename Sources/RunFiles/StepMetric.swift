/// A number in the `step` records of the loss log.
///
/// To add one: a case here, its name and how it is plotted, and its value in `StepMeasurement.value(of:)`.
public enum StepMetric: Int, CaseIterable, Sendable {
  case loss
  case zLoss
  case gradientNorm
  case learningRate
  case tokens
  case epoch
  case seconds
  case tokensPerSecond

  /// The field's name in the log.
  public var name: String {
    switch self {
    case .loss: "loss"
    case .zLoss: "z_loss"
    case .gradientNorm: "gradient_norm"
    case .learningRate: "learning_rate"
    case .tokens: "tokens"
    case .epoch: "epoch"
    case .seconds: "seconds"
    case .tokensPerSecond: "tokens_per_second"
    }
  }

  /// How a metric is drawn against a run's progress.
  public struct Plot: Sendable {
    public let title: String
    public let axisTitle: String
    /// Whether the curve is smoothed.
    public let isNoisy: Bool
  }

  /// The metrics that are plotted, in the order of a report.
  public static let plotted = [loss, learningRate, gradientNorm, zLoss, tokensPerSecond]

  /// Nil for a metric that is not plotted.
  public var plot: Plot? {
    switch self {
    case .loss: Plot(title: "Training loss", axisTitle: "nats per token", isNoisy: true)
    case .zLoss: Plot(title: "z-loss", axisTitle: "weight · mean logsumexp²", isNoisy: true)
    case .gradientNorm: Plot(title: "Gradient norm", axisTitle: "norm, before clipping", isNoisy: true)
    case .learningRate: Plot(title: "Learning rate", axisTitle: "learning rate", isNoisy: false)
    case .tokensPerSecond: Plot(title: "Speed", axisTitle: "tokens per second", isNoisy: true)
    case .tokens, .epoch, .seconds: nil
    }
  }
}
