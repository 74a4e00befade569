import JSON

/// The names that a configuration may use, from the declarations, and what to say to others.
struct ConfigurationNames: Sendable {
  /// Keys outside all sections.
  private let topLevel: [String]
  /// Each section's keys.
  private let sections: [(name: String, keys: [String])]
  /// Keys whose value is an object with names of the user's choice.
  private let open: Set<String> = ["data.validation"]
  /// What tells an editor where the schema is, and nobody else.
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

  /// - Throws: ``ConfigurationError`` at the first unknown key of a file's configuration.
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

  /// Whether a key's value is an object with names of the user's choice.
  func isOpen(_ key: String) -> Bool { open.contains(key) }

  /// What is wrong with a path of one to three names; nil where nothing is.
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
    return path.count > 2 && !open.contains(key) ? "the key \(quoted(key)) has no keys of its own" : nil
  }

  /// The nearest valid key is the section's; but where another place has a key of just this name, it is that one.
  private func unknown(_ name: String, in place: String, among candidates: [String], prefix: String) -> String {
    let elsewhere = sections.first { $0.keys.contains(name) }.map { "\($0.name).\(name)" }
    let above = topLevel.contains(name) || sections.contains { $0.name == name } ? name : nil
    let nearest = Spelling.nearest(to: name, among: candidates).map { prefix + $0 } ?? ""
    return "unknown key \(quoted(name)) \(place): did you mean \(quoted(elsewhere ?? above ?? nearest))?"
  }
}
