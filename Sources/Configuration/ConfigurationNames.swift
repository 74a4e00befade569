import JSON

/// The names of all sections and keys, from their declarations, and the messages for unknown names.
struct ConfigurationNames: Sendable {
  /// Keys outside all sections.
  private let topLevel: [String]
  /// Each section's keys.
  private let sections: [(name: String, keys: [String])]
  /// Keys whose value is an object with names that the user chooses.
  private let keysWithUserNames: Set<String> = ["data.validation"]
  /// The key that refers an editor to the schema. The reader ignores it.
  static let schema = "$schema"

  init(_ declared: [KeyDeclaration]) {
    var topLevel: [String] = []
    var sections: [(name: String, keys: [String])] = []
    for key in declared {
      let parts = key.path.split(separator: ".").map(String.init)
      if parts.count == 1 {
        topLevel.append(parts[0])
      } else if let index = sections.firstIndex(where: { $0.name == parts[0] }) {
        sections[index].keys.append(parts[1])
      } else {
        sections.append((parts[0], [parts[1]]))
      }
    }
    self.topLevel = topLevel
    self.sections = sections
  }

  /// - Throws: ``ConfigurationError`` for the first unknown key in a file.
  func check(_ root: JSONValue.Object, reader: ConfigurationReader) throws(ConfigurationError) {
    for field in root.fields {
      if let problem = unknown([field.name]) {
        throw ConfigurationError("\(reader.place(field.name)): \(problem)")
      }
      for key in field.value.object?.fields ?? [] {
        if let problem = unknown([field.name, key.name]) {
          throw ConfigurationError("\(reader.place("\(field.name).\(key.name)")): \(problem)")
        }
      }
    }
  }

  /// Whether the value of a key is an object with names that the user chooses.
  func hasUserNames(_ key: String) -> Bool { keysWithUserNames.contains(key) }

  /// A message about a path of one to three names if the path does not exist; nil if it does.
  func unknown(_ path: [String]) -> String? {
    guard let first = path.first else { return nil }
    let section = sections.first { $0.name == first }
    guard let section else {
      if first == ConfigurationNames.schema { return nil }
      if !topLevel.contains(first) {
        return unknown(first, in: "at the top level", among: topLevel + sections.map(\.name), prefix: "")
      }
      return path.count > 1 ? "the key \(quoted(first)) has no keys of its own" : nil
    }
    guard path.count > 1 else { return nil }
    if !section.keys.contains(path[1]) {
      return unknown(path[1], in: "in section \(quoted(first))", among: section.keys, prefix: first + ".")
    }
    let key = "\(first).\(path[1])"
    return path.count > 2 && !hasUserNames(key) ? "the key \(quoted(key)) has no keys of its own" : nil
  }

  /// Suggests the key with exactly this name elsewhere, or else the nearest key of the section.
  private func unknown(_ name: String, in place: String, among candidates: [String], prefix: String) -> String {
    let elsewhere = sections.first { $0.keys.contains(name) }.map { "\($0.name).\(name)" }
    let above = topLevel.contains(name) || sections.contains { $0.name == name } ? name : nil
    let nearest = Spelling.nearest(to: name, among: candidates).map { prefix + $0 } ?? ""
    return "unknown key \(quoted(name)) \(place): did you mean \(quoted(elsewhere ?? above ?? nearest))?"
  }
}
