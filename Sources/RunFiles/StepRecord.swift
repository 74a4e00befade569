import JSON

/// A `step` record of the loss log, in 104 bytes, because a long run has a million of them.
public struct StepRecord: Sendable, Equatable {
  public internal(set) var step: Int
  private var values = InlineArray<12, Double>(repeating: .nan)

  /// A record with only a step.
  public init(step: Int) {
    precondition(StepMetric.allCases.count <= values.count, "more metrics than a record can store")
    self.step = step
  }

  /// Reads a record from JSON; nil if it has no step of 1 or more. In JSON, a number that is not finite is null or
  /// a string such as `nan`.
  public init?(_ json: JSONValue) {
    guard let step = json["step"]?.integer, step > 0 else { return nil }
    self.init(step: step)
    for metric in StepMetric.allCases {
      self[metric] = json[metric.name].flatMap { $0.number ?? $0.string.flatMap { Double($0) } } ?? .nan
    }
  }

  /// The value of a metric; NaN if the record has none.
  public subscript(metric: StepMetric) -> Double {
    get { values[metric.rawValue] }
    set { values[metric.rawValue] = newValue }
  }

  /// Two missing numbers are equal.
  public static func == (one: StepRecord, other: StepRecord) -> Bool {
    one.step == other.step
      && StepMetric.allCases.allSatisfy { one[$0] == other[$0] || one[$0].isNaN && other[$0].isNaN }
  }
}
