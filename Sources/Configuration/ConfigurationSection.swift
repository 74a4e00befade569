import JSON

/// Reads the keys of one section. Each call declares one key: its name, default, range and meaning. There is no other
/// list of keys.
struct ConfigurationSection {
  /// Empty for the top level.
  let name: String
  /// Nil to collect only declarations. Every key is then read as its default or a placeholder.
  let object: JSONValue.Object?
  let reader: ConfigurationReader

  /// When a key is used, if that depends on another key.
  struct Condition {
    let holds: Bool
    /// For the reference and the error: `schedule.kind is "wsd"`.
    let text: String
  }

  /// One key's declaration, and how its value is read from JSON and written back.
  struct Key<Value> {
    let name: String
    /// A phrase for the valid values, for errors: `an integer from 1 to 5`.
    let expected: String
    /// The valid values as JSON Schema.
    let schema: JSONValue
    /// The default; nil if the key is required.
    let fallback: Value?
    /// A phrase for the default if it is not a constant.
    var fallbackNote: String?
    var condition: Condition?
    /// Whether a resume must have the same value.
    var isLocked = false
    let meaning: String
    /// The value if only declarations are collected.
    let placeholder: Value
    /// Nil if the JSON is not a valid value.
    let read: (JSONValue) throws(ValueError) -> Value?
    let write: (Value) -> JSONValue
  }

  /// An error inside the value of a key.
  struct ValueError: Error {
    /// The place in the value, after the key's path: `[1].weight`.
    let place: String
    let message: String

    /// - Throws: an error for the first key of an object that is not in `keys`, with the nearest valid key.
    static func checkKeys(
      of object: JSONValue.Object, among keys: [String], at place: String = ""
    ) throws(ValueError) {
      guard let unknown = object.fields.first(where: { !keys.contains($0.name) }) else { return }
      let nearest = Spelling.nearest(to: unknown.name, among: keys) ?? ""
      throw ValueError(
        place: place, message: "has an unknown key \(quoted(unknown.name)): did you mean \"\(nearest)\"?")
    }
  }

  /// Reads a key: its value or its default; nil if its condition does not hold.
  func value<Value>(_ key: Key<Value>) throws(ConfigurationError) -> Value? {
    let path = path(key.name)
    reader.declare(
      KeyDeclaration(
        path: path, expected: key.expected,
        fallback: key.fallbackNote ?? key.fallback.map { "`\(key.write($0).compact)`" },
        fallbackValue: key.fallbackNote == nil ? key.fallback.map(key.write) : nil, schema: key.schema,
        condition: key.condition?.text, isLocked: key.isLocked, meaning: key.meaning))
    guard let object else { return key.fallback ?? key.placeholder }
    var json = object[key.name]
    // A null override removes the file's value, unless null is a valid value of the key.
    var place = reader.file
    if json == .null, reader.override(of: path) != nil, (try? key.read(.null)) == nil {
      (json, place) = (nil, reader.place(path))
    }
    if let condition = key.condition, !condition.holds {
      // Null counts as missing, so that an override can remove a key.
      if json == nil || json == .null { return nil }
      throw reader.error(path, "is used only where \(condition.text): remove it, or set it to null")
    }
    let value: Value
    if let json {
      value = try read(key, json, path)
    } else if let fallback = key.fallback {
      value = fallback
    } else {
      throw ConfigurationError(
        "\(place): \(path) is missing: give it, \(key.expected) (\(lowercasedFirst(key.meaning)))")
    }
    reader.resolve(section: name, name: key.name, key.write(value))
    return value
  }

  private func read<Value>(_ key: Key<Value>, _ json: JSONValue, _ path: String) throws(ConfigurationError) -> Value {
    do {
      if let value = try key.read(json) { return value }
    } catch {
      throw reader.error(path + error.place, error.message)
    }
    throw reader.error(path, "must be \(key.expected), not \(json.described)")
  }

  func path(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

  private func lowercasedFirst(_ sentence: String) -> String {
    let trimmed = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
    return trimmed.prefix(1).lowercased() + trimmed.dropFirst()
  }
}
