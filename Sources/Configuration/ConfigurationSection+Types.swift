import JSON

/// Upper bounds of the integers in a configuration, so that no product of a few of them overflows unnoticed.
enum ConfigurationLimit {
  static let count = Int(Int32.max)
  static let width = 1 << 24
  static let layers = 4096
  static let repeats = 4096
}

/// The numbers that a key accepts.
struct NumberRange {
  let lower: Double
  let upper: Double
  var withoutLower = false
  var withoutUpper = false

  func contains(_ value: Double) -> Bool {
    (withoutLower ? value > lower : value >= lower) && (withoutUpper ? value < upper : value <= upper)
  }

  var text: String {
    "\(withoutLower ? "above" : "from") \(lower.short) to \(withoutUpper ? "below " : "")\(upper.short)"
  }

  /// From 0 to 1.
  static let fraction = NumberRange(lower: 0, upper: 1)
  static func from(_ lower: Double, to upper: Double) -> NumberRange { NumberRange(lower: lower, upper: upper) }
  static func above(_ lower: Double, to upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, withoutLower: true)
  }
  static func from(_ lower: Double, below upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, withoutUpper: true)
  }
}

extension Double {
  /// `0` for 0.0; other values as in `description`.
  fileprivate var short: String { description.hasSuffix(".0") ? String(description.dropLast(2)) : description }
}

// The types of keys. A key without a default is required.
extension ConfigurationSection {
  /// A key that may also be null, which is read as nil. Null is the default unless the key has another one.
  func orNull<Value>(_ key: Key<Value>) throws(ConfigurationError) -> Value? {
    try value(
      Key<Value?>(
        name: key.name, expected: "null or \(key.expected)", schema: ConfigurationSchema.orNull(key.schema),
        fallback: .some(key.fallback), isLocked: key.isLocked, meaning: key.meaning, placeholder: nil,
        read: { json throws(ValueError) in json == .null ? .some(nil) : try key.read(json).map { .some($0) } },
        write: { $0.map(key.write) ?? .null })) ?? nil
  }

  /// - Parameter note: a phrase for the default if it is not a constant.
  func integer(
    _ name: String, locked isLocked: Bool = false, default fallback: Int? = nil, note: String? = nil,
    in range: ClosedRange<Int>, _ meaning: String
  ) throws(ConfigurationError) -> Int {
    var key = integerKey(name, isLocked, fallback, range, meaning)
    key.fallbackNote = note
    return try value(key) ?? range.lowerBound
  }

  /// Nil if the key is not used.
  func integer(
    _ name: String, locked isLocked: Bool = false, default fallback: Int? = nil, in range: ClosedRange<Int>,
    when condition: Condition,
    _ meaning: String
  ) throws(ConfigurationError) -> Int? {
    var key = integerKey(name, isLocked, fallback, range, meaning)
    key.condition = condition
    return try value(key)
  }

  private func integerKey(
    _ name: String, _ isLocked: Bool, _ fallback: Int?, _ range: ClosedRange<Int>, _ meaning: String
  ) -> Key<Int> {
    Key(
      name: name, expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
      schema: ConfigurationSchema.integer(range), fallback: fallback, isLocked: isLocked, meaning: meaning,
      placeholder: range.lowerBound,
      read: { json in json.integer.flatMap { range.contains($0) ? $0 : nil } }, write: { .integer($0) })
  }

  /// Null is read as nil.
  func integerOrNull(
    _ name: String, locked isLocked: Bool = false, default fallback: Int? = nil, in range: ClosedRange<Int>,
    _ meaning: String
  ) throws(ConfigurationError) -> Int? {
    try orNull(integerKey(name, isLocked, fallback, range, meaning))
  }

  /// An integer, a list of them, or null, the default, for none.
  func integers(
    _ name: String, locked isLocked: Bool = false, in range: ClosedRange<Int>, _ meaning: String
  ) throws(ConfigurationError) -> [Int] {
    try value(
      Key<[Int]>(
        name: name, expected: "null, an integer from \(range.lowerBound) to \(range.upperBound), or a list of them",
        schema: ConfigurationSchema.oneOrSeveral(ConfigurationSchema.integer(range)),
        fallback: [], isLocked: isLocked, meaning: meaning, placeholder: [],
        read: { json in
          if json == .null { return [] }
          let values = json.array?.map(\.integer) ?? [json.integer]
          let integers = values.compactMap { $0 }.filter { range.contains($0) }
          return integers.count == values.count ? integers : nil
        },
        write: { values in
          values.count > 1 ? .array(values.map { .integer($0) }) : values.first.map { .integer($0) } ?? .null
        })) ?? []
  }

  func number(
    _ name: String, locked isLocked: Bool = false, default fallback: Double? = nil, in range: NumberRange,
    _ meaning: String
  ) throws(ConfigurationError) -> Double {
    try value(numberKey(name, isLocked, fallback, range, meaning)) ?? range.lower
  }

  /// Nil if the key is not used.
  func number(
    _ name: String, locked isLocked: Bool = false, default fallback: Double?, in range: NumberRange,
    when condition: Condition, _ meaning: String
  ) throws(ConfigurationError) -> Double? {
    var key = numberKey(name, isLocked, fallback, range, meaning)
    key.condition = condition
    return try value(key)
  }

  private func numberKey(_ name: String, _ isLocked: Bool, _ fallback: Double?, _ range: NumberRange, _ meaning: String)
    -> Key<Double>
  {
    Key(
      name: name, expected: "a number \(range.text)", schema: ConfigurationSchema.number(range), fallback: fallback,
      isLocked: isLocked, meaning: meaning, placeholder: range.lower,
      read: { json in json.number.flatMap { range.contains($0) ? $0 : nil } }, write: { .number($0) })
  }

  /// Null is read as nil.
  func numberOrNull(
    _ name: String, locked isLocked: Bool = false, default fallback: Double?, in range: NumberRange, _ meaning: String
  ) throws(ConfigurationError) -> Double? {
    try orNull(numberKey(name, isLocked, fallback, range, meaning))
  }

  func boolean(
    _ name: String, locked isLocked: Bool = false, default fallback: Bool, _ meaning: String
  ) throws(ConfigurationError) -> Bool {
    try value(
      Key(
        name: name, expected: "true or false", schema: ["type": "boolean"], fallback: fallback, isLocked: isLocked,
        meaning: meaning,
        placeholder: fallback,
        read: { json in json.bool }, write: { .bool($0) })) ?? fallback
  }

  /// A string for which `accepts` is true. A number or Boolean in an override is read as the typed text.
  func string(
    _ name: String, locked isLocked: Bool = false, _ expected: String, default fallback: String? = nil,
    note: String? = nil,
    where accepts: @escaping (String) -> Bool, _ meaning: String
  ) throws(ConfigurationError) -> String {
    let path = path(name)
    // In an override of the whole section, the value has no text of its own.
    let typed = reader.override(of: path).flatMap { $0.path == path ? $0.text : nil }
    return try value(
      Key(
        name: name, expected: expected, schema: ConfigurationSchema.text, fallback: fallback, fallbackNote: note,
        isLocked: isLocked, meaning: meaning, placeholder: "",
        read: { json in
          let text: String? =
            switch json {
            case .string(let text): text
            case .integer, .number, .bool: typed
            default: nil
            }
          return text.flatMap { accepts($0) ? $0 : nil }
        }, write: { .string($0) })) ?? ""
  }

  /// One of an enumeration's names.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, locked isLocked: Bool = false, default fallback: Choice, _ meaning: String
  ) throws(ConfigurationError) -> Choice {
    let names = Choice.allCases.map { quoted($0.rawValue) }
    return try value(
      Key(
        name: name, expected: "one of \(names.joined(separator: ", "))",
        schema: ["enum": .array(Choice.allCases.map { .string($0.rawValue) })], fallback: fallback, isLocked: isLocked,
        meaning: meaning,
        placeholder: fallback, read: { json in json.string.flatMap(Choice.init(rawValue:)) },
        write: { .string($0.rawValue) })) ?? fallback
  }

  /// A path, a list of them, or null, the default, for none.
  func paths(_ name: String, locked isLocked: Bool = false, _ meaning: String) throws(ConfigurationError) -> [String] {
    try value(
      Key<[String]>(
        name: name, expected: "null, a path, or a list of paths",
        schema: ConfigurationSchema.oneOrSeveral(ConfigurationSchema.text), fallback: [], isLocked: isLocked,
        meaning: meaning,
        placeholder: [],
        read: { json in
          if json == .null { return [] }
          let values = json.array?.map(\.string) ?? [json.string]
          let paths = values.compactMap { $0 }.filter(RunConfiguration.isPath)
          return paths.count == values.count ? paths : nil
        }, write: { $0.isEmpty ? .null : .array($0.map { .string($0) }) })) ?? []
  }

  func strings(
    _ name: String, locked isLocked: Bool = false, default fallback: [String], _ meaning: String
  ) throws(ConfigurationError) -> [String] {
    try value(
      Key(
        name: name, expected: "a list of strings", schema: ["type": "array", "items": ["type": "string"]],
        fallback: fallback, isLocked: isLocked, meaning: meaning, placeholder: fallback,
        read: { json in
          guard let elements = json.array else { return nil }
          let texts = elements.compactMap(\.string)
          return texts.count == elements.count ? texts : nil
        }, write: { .array($0.map { .string($0) }) })) ?? fallback
  }
}
