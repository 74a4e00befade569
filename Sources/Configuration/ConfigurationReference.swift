/// The configuration reference, generated from the declarations in the code that reads the keys.
public enum ConfigurationReference {
  /// The declarations of all keys and sections.
  static let declarations: (keys: [KeyDeclaration], sections: [SectionDeclaration]) = {
    let reader = ConfigurationReader(nil, file: "", overrides: [])
    // Without JSON, only declarations are collected, so this cannot fail.
    _ = try? RunConfiguration(reader)
    return (reader.keys, reader.sections)
  }()

  /// The names of all sections and keys.
  static let names = ConfigurationNames(declarations.keys)

  /// The keys that cannot change on a resume.
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
      let condition = key.condition.map { " Only if \($0)." } ?? ""
      text += "| `\(name)`\(mark) | \(key.expected) | \(key.fallback ?? "required") "
      text += "| \(key.meaning)\(condition) |\n"
    }
    return text
  }
}
