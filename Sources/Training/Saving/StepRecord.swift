import JSON

/// The numbers that a `step` record of the loss log has beside its step.
public enum StepField: Int, CaseIterable, Sendable {
  case loss
  case zLoss
  case gradientNorm
  case learningRate
  case tokens
  case epoch
  case seconds
  case tokensPerSecond

  /// As the log has it.
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
}

/// A `step` record of the loss log: what a run has a million of, in 72 bytes each.
public struct StepRecord: Sendable, Equatable {
  public internal(set) var step: Int
  private var values: SIMD8<Double>

  /// A record without any number but the step.
  public init(step: Int) {
    self.step = step
    values = SIMD8(repeating: .nan)
  }

  /// A record as JSON has it; nil without a step of 1 or more. What is not finite is null there, or a
  /// text such as `nan`.
  public init?(_ json: JSONValue) {
    guard let step = json["step"]?.integer, step > 0 else { return nil }
    self.init(step: step)
    for field in StepField.allCases {
      self[field] = json[field.name].flatMap { $0.number ?? $0.string.flatMap { Double($0) } } ?? .nan
    }
  }

  /// The number of that field; NaN where the record has none.
  public subscript(field: StepField) -> Double {
    get { values[field.rawValue] }
    set { values[field.rawValue] = newValue }
  }

  /// Missing numbers are equal to missing ones.
  public static func == (one: StepRecord, other: StepRecord) -> Bool {
    one.step == other.step && StepField.allCases.allSatisfy { one[$0] == other[$0] || one[$0].isNaN && other[$0].isNaN }
  }
}
