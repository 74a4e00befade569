import JSON

/// The declaration of a key, for the reference and the schema.
struct KeyDeclaration: Sendable, Equatable {
  /// The dotted path: `training.steps`.
  let path: String
  /// A phrase for the valid values: `an integer from 1 to 5`.
  let expected: String
  /// The default, as JSON or as a phrase; nil if the key is required.
  let fallback: String?
  /// The default as JSON; nil if the key is required or the default depends on another key.
  let fallbackValue: JSONValue?
  /// The valid values as JSON Schema.
  let schema: JSONValue
  /// When the key is used; nil for always.
  let condition: String?
  /// Whether a resume must have the same value (🔒 in the reference).
  let isLocked: Bool
  let meaning: String
}

/// One section: a top-level key that holds an object of keys.
struct SectionDeclaration: Sendable, Equatable {
  let name: String
  let meaning: String
}

/// Reads a configuration's JSON, and records the declarations of the keys and the resolved configuration.
final class ConfigurationReader {
  /// The configuration's file, for messages.
  let file: String
  /// The overrides, already applied to the root.
  let overrides: [ConfigurationOverride]
  /// Nil to collect only the declarations.
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

  /// A section. If it is missing or null, it is empty.
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

  /// The override that set the value of a key; nil if the file did.
  func override(of path: String) -> ConfigurationOverride? {
    overrides.last { path == $0.path || path.hasPrefix($0.path + ".") || path.hasPrefix($0.path + "[") }
  }

  /// An error about a key, with the source of its value.
  func error(_ path: String, _ message: String) -> ConfigurationError {
    ConfigurationError("\(place(path)): \(path) \(message)")
  }

  /// The source of a key's value: the file or the override.
  func place(_ path: String) -> String { override(of: path)?.option ?? file }
}
