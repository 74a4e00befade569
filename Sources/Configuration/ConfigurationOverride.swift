import JSON

/// One `--set KEY=VALUE`.
struct ConfigurationOverride: Sendable, Equatable {
  /// The dotted path of the key.
  let path: String
  /// The value as typed.
  let text: String
  let value: JSONValue

  /// The option as it is printed in messages.
  var option: String { "--set \(quotedWhereLong(path))=\(quotedWhereLong(text))" }

  /// Parses KEY=VALUE. VALUE is JSON or a bare string.
  init(parsing argument: String) throws(ConfigurationError) {
    // Search for the byte, because in Swift "=" followed by a combining accent is a different character.
    guard let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      throw ConfigurationError("--set \(quoted(argument)): expected KEY=VALUE, as in --set training.steps=50")
    }
    path = String(argument[..<equals])
    text = String(argument[argument.utf8.index(after: equals)...])
    do {
      value = try JSONValue(parsing: text)
    } catch {
      // A text with this prefix is invalid JSON, not a path.
      if ["{", "[{", "[\"", "\""].contains(where: text.hasPrefix) {
        throw ConfigurationError("--set \(quoted(path)): the value is not JSON: \(error)")
      }
      value = .string(text)
    }
  }

  /// Sets the value in the configuration and adds missing sections. Null removes a name that the user has chosen; for
  /// keys, the section that reads them handles null.
  ///
  /// - Throws: ``ConfigurationError`` if the path does not exist.
  func apply(to root: inout JSONValue.Object, names: ConfigurationNames) throws(ConfigurationError) {
    let parts = path.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    if let problem = names.unknown(parts) { throw ConfigurationError("\(option): \(problem)") }
    guard let first = parts.first else { return }
    root[first] = try set(root[first], parts.dropFirst(), first, names)
  }

  private func set(
    _ json: JSONValue?, _ parts: ArraySlice<String>, _ place: String, _ names: ConfigurationNames
  ) throws(ConfigurationError) -> JSONValue {
    guard let name = parts.first else { return value }
    var object: JSONValue.Object
    switch json {
    case nil, .null?: object = JSONValue.Object()
    case .object(let present)?: object = present
    case let other?:
      throw ConfigurationError("\(option): \(place) is not an object in the file, but \(other.described)")
    }
    // Null removes a name that the user has chosen.
    if value == .null && names.hasUserNames(place) {
      guard object[name] != nil else { throw ConfigurationError("\(option): \(place) has no \(quoted(name))") }
      object[name] = nil
      return .object(object)
    }
    object[name] = try set(object[name], parts.dropFirst(), "\(place).\(name)", names)
    return .object(object)
  }

  private func quotedWhereLong(_ text: String) -> String {
    let shown = quoted(text)
    return shown == "\"\(text)\"" ? text : shown
  }
}
