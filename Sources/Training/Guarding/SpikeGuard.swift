import JSON

/// Tells steps whose loss or gradient norm leaps up from what the steps before had.
///
/// A value is a spike where it lies more than `zScore` standard deviations above the mean of the last `window` values.
/// A spike enters the window as the largest value that would have been none: it does not blind the guard, and a level
/// that has risen for good is learnt.
public struct SpikeGuard: Sendable, Equatable {
  public let zScore: Double
  /// Steps that are looked back on; before there are so many, nothing is a spike.
  public let window: Int

  static let defaultWindow = 128

  /// The values that the guard looks back on, oldest first.
  public struct History: Sendable, Equatable {
    var losses: [Double] = []
    var gradientNorms: [Double] = []

    /// The series by their names in a checkpoint.
    static let series: [(name: String, path: WritableKeyPath<History, [Double]> & Sendable)] = [
      ("loss", \.losses), ("gradient_norm", \.gradientNorms),
    ]
  }

  /// Whether a step is a spike; it then belongs to the history.
  ///
  /// - Precondition: both values are finite: what is not never enters the history.
  public func isSpike(loss: Double, gradientNorm: Double, _ history: inout History) -> Bool {
    precondition(loss.isFinite && gradientNorm.isFinite, "a value that is not finite is no matter of a z-score")
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

// MARK: the configuration

extension SpikeGuard {
  private static let zScores = NumberRange.above(0, to: 1000)
  private static let windows = 8...100_000

  static func key(_ name: String, _ meaning: String) -> ConfigurationSection.Key<SpikeGuard> {
    ConfigurationSection.Key(
      name: name, expected: "a number above 0 to 1000, or {\"z_score\": …, \"window\": an integer from 8 to 100000}",
      schema: [
        "anyOf": [
          ConfigurationSchema.number(zScores),
          ConfigurationSchema.object(
            [("z_score", ConfigurationSchema.number(zScores)), ("window", ConfigurationSchema.integer(windows))],
            required: ["z_score"]),
        ]
      ],
      fallback: nil, meaning: meaning, placeholder: SpikeGuard(zScore: zScores.upper, window: defaultWindow),
      read: read, write: { $0.json })
  }

  private static func read(_ json: JSONValue) throws(ConfigurationSection.KeyFault) -> SpikeGuard? {
    if let number = json.number {
      guard zScores.contains(number) else { return nil }
      return SpikeGuard(zScore: number, window: defaultWindow)
    }
    guard let object = json.object else { return nil }
    try ConfigurationSection.KeyFault.checkKeys(of: object, among: ["z_score", "window"])
    guard let zScore = object["z_score"]?.number, zScores.contains(zScore) else {
      throw ConfigurationSection.KeyFault(place: ".z_score", message: "must be a number \(zScores.text)")
    }
    guard let window = object["window"] else { return SpikeGuard(zScore: zScore, window: defaultWindow) }
    guard let steps = window.integer, windows.contains(steps) else {
      throw ConfigurationSection.KeyFault(
        place: ".window", message: "must be an integer from 8 to 100000, not \(window.described)")
    }
    return SpikeGuard(zScore: zScore, window: steps)
  }

  private var json: JSONValue { ["z_score": .number(zScore), "window": .integer(window)] }
}
