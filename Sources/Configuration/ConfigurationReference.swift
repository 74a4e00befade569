/// The reference of the configuration, from the declarations in the code that reads it.
public enum ConfigurationReference {
  /// What reading declares, key by key.
  static let declarations: (keys: [KeyDeclaration], sections: [SectionDeclaration]) = {
    let reader = ConfigurationReader(nil, file: "", overrides: [])
    // Without JSON nothing is read, and nothing can be wrong.
    _ = try? RunConfiguration(reader)
    return (reader.keys, reader.sections)
  }()

  /// The names that exist.
  static let names = ConfigurationNames(declarations.keys)

  /// The keys that a resumed run must have the same values of.
  static let lockedKeys = Set(declarations.keys.filter(\.isLocked).map(\.path))

  /// `docs/configuration.md`.
  public static var markdown: String {
    var text = introduction
    text += table(declarations.keys.filter { !$0.path.contains(".") }, prefix: "")
    for section in declarations.sections {
      text += "\n## `\(section.name)`\n\(section.meaning)\n\n"
      text += table(declarations.keys.filter { $0.path.hasPrefix(section.name + ".") }, prefix: section.name + ".")
    }
    return text + closing
  }

  private static func table(_ keys: [KeyDeclaration], prefix: String) -> String {
    var text = "| key | value | default | meaning |\n|---|---|---|---|\n"
    for key in keys {
      let name = key.path.dropFirst(prefix.count)
      let mark = key.isLocked ? " 🔒" : ""
      let condition = key.condition.map { " Only where \($0)." } ?? ""
      text += "| `\(name)`\(mark) | \(key.expected) | \(key.fallback ?? "must be given") "
      text += "| \(key.meaning)\(condition) |\n"
    }
    return text
  }
}
