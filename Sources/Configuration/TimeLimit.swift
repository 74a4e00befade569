import JSON

/// The value of `training.time_limit`: seconds, or a time in Slurm's format.
enum TimeLimit {
  private static let range = NumberRange.above(0, to: 1e9)

  static func key(_ name: String, _ meaning: String) -> ConfigurationSection.Key<Double> {
    ConfigurationSection.Key(
      name: name, expected: "a number of seconds above 0 to 1e+09, or a text \"[days-]hours:minutes:seconds\"",
      schema: [
        "anyOf": [
          ConfigurationSchema.number(range),
          ["type": "string", "pattern": "^([0-9]{1,9}-[0-9]{1,9}:|([0-9]{1,9}:)?)[0-9]{1,9}:[0-9]{1,9}$"],
        ]
      ],
      fallback: nil, meaning: meaning, placeholder: range.upper,
      read: { json in (json.number ?? json.string.flatMap(seconds)).flatMap { range.contains($0) ? $0 : nil } },
      write: { .number($0) })
  }

  /// `1-02:03:04`, `2:03:04` or `3:04` in seconds; nil for any other text.
  static func seconds(_ text: String) -> Double? {
    let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let days = parts.count == 2 ? number(parts[0]) : 0
    let units = parts.last.map { $0.split(separator: ":", omittingEmptySubsequences: false).map(number) } ?? []
    guard let days, units.count == 3 || units.count == 2 && parts.count == 1 else { return nil }
    var seconds = 0.0
    for unit in units {
      guard let unit else { return nil }
      seconds = 60 * seconds + unit
    }
    return 86400 * days + seconds
  }

  private static func number(_ digits: Substring) -> Double? {
    (1...9).contains(digits.utf8.count)
      && digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      ? Double(digits) : nil
  }
}
