import JSON

/// One key as the code that reads it declares it: what a reference needs to say of it.
struct KeyDeclaration: Sendable, Equatable {
  /// The dotted path: `training.steps`.
  let path: String
  /// What a value must be: `an integer from 1 to 5`.
  let expected: String
  /// The value where the key is left out, as JSON or in words; nil where it must be given.
  let fallback: String?
  /// Likewise, as JSON; nil also where it hangs on something else.
  let fallbackValue: JSONValue?
  /// What a value must be, as JSON Schema has it.
  let schema: JSONValue
  /// When the key is used; nil for always.
  let condition: String?
  /// Whether a resumed run must have the same value (🔒 in the reference).
  let isLocked: Bool
  let meaning: String
}

/// One section: a top-level key that holds an object of keys.
struct SectionDeclaration: Sendable, Equatable {
  let name: String
  let meaning: String
}

/// A configuration's JSON while it is being read. What is read is recorded: the keys' declarations, and the resolved
/// configuration with every key that applies.
final class ConfigurationReader {
  /// The configuration's file, for messages.
  let file: String
  /// What `--set` changed, already in the root.
  let overrides: [ConfigurationOverride]
  /// Without one, nothing is read and the declarations alone are wanted.
  let root: JSONValue.Object?
  private(set) var keys: [KeyDeclaration] = []
  private(set) var sections: [SectionDeclaration] = []
  private(set) var resolved = JSONValue.Object()

  init(_ root: JSONValue.Object?, file: String, overrides: [ConfigurationOverride]) {
    self.root = root
    self.file = file
    self.overrides = overrides
  }

  /// The keys outside all sections.
  var topLevel: ConfigurationSection { ConfigurationSection(name: "", object: root, reader: self) }

  /// A section; one that is left out, or null, is an empty one.
  func section(_ name: String, _ meaning: String) throws(ConfigurationError) -> ConfigurationSection {
    sections.append(SectionDeclaration(name: name, meaning: meaning))
    let object: JSONValue.Object?
    switch root?[name] {
    case .object(let value)?: object = value
    case nil: object = root.map { _ in JSONValue.Object() }
    case .null?: object = JSONValue.Object()
    case let other?: throw error(name, "must be an object, not \(other.described)")
    }
    return ConfigurationSection(name: name, object: object, reader: self)
  }

  func declare(_ key: KeyDeclaration) { keys.append(key) }

  /// Writes one key of the resolved configuration.
  func resolve(section: String, name: String, _ value: JSONValue) {
    if section.isEmpty {
      resolved[name] = value
    } else {
      var object = resolved[section]?.object ?? JSONValue.Object()
      object[name] = value
      resolved[section] = .object(object)
    }
  }

  /// The override that gave the key its value; nil where the file did.
  func override(of path: String) -> ConfigurationOverride? {
    overrides.last { path == $0.path || path.hasPrefix($0.path + ".") || path.hasPrefix($0.path + "[") }
  }

  /// An error about one key, which says where the value came from.
  func error(_ path: String, _ message: String) -> ConfigurationError {
    ConfigurationError("\(place(path)): \(path) \(message)")
  }

  /// Where a key's value comes from: the file, or the override.
  func place(_ path: String) -> String { override(of: path)?.option ?? file }
}
