import JSON

/// When a step counts as a spike: its loss or gradient norm is more than `zScore` standard deviations above the mean of
/// the last `window` values.
public struct SpikeGuard: Sendable, Equatable {
  public let zScore: Double
  /// The number of earlier steps to compare with. While there are fewer, no step is a spike.
  public let window: Int

  static let defaultWindow = 128
}

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

  private static func read(_ json: JSONValue) throws(ConfigurationSection.ValueError) -> SpikeGuard? {
    if let number = json.number {
      guard zScores.contains(number) else { return nil }
      return SpikeGuard(zScore: number, window: defaultWindow)
    }
    guard let object = json.object else { return nil }
    try ConfigurationSection.ValueError.checkKeys(of: object, among: ["z_score", "window"])
    guard let zScore = object["z_score"]?.number, zScores.contains(zScore) else {
      throw ConfigurationSection.ValueError(place: ".z_score", message: "must be a number \(zScores.text)")
    }
    guard let window = object["window"] else { return SpikeGuard(zScore: zScore, window: defaultWindow) }
    guard let steps = window.integer, windows.contains(steps) else {
      throw ConfigurationSection.ValueError(
        place: ".window", message: "must be an integer from 8 to 100000, not \(window.described)")
    }
    return SpikeGuard(zScore: zScore, window: steps)
  }

  private var json: JSONValue { ["z_score": .number(zScore), "window": .integer(window)] }
}
