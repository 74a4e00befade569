import JSON

extension ConfigurationReference {
  /// `configs/schema.json`: the keys as JSON Schema, for editors. It does not cover combinations of keys.
  public static var schema: JSONValue {
    let (keys, sections) = declarations
    var properties = [
      (ConfigurationNames.schema, described(["type": "string"], "The path of this schema, for editors."))
    ]
    var required: [String] = []
    for key in keys where !key.path.contains(".") { properties.append((key.path, schema(of: key))) }
    for section in sections {
      let prefix = section.name + "."
      let own = keys.filter { $0.path.hasPrefix(prefix) }
      let needed = own.filter { $0.fallback == nil }.map { String($0.path.dropFirst(prefix.count)) }
      let object = ConfigurationSchema.object(
        own.map { (String($0.path.dropFirst(prefix.count)), schema(of: $0)) }, required: needed)
      // A section may be null if all its keys have defaults.
      let value = needed.isEmpty ? ConfigurationSchema.orNull(object) : object
      properties.append((section.name, described(value, section.meaning)))
      if !needed.isEmpty { required.append(section.name) }
    }
    var root = JSONValue.Object()
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["title"] = "A run of phd-train"
    for field in ConfigurationSchema.object(properties, required: required).object?.fields ?? [] {
      root[field.name] = field.value
    }
    return .object(root)
  }

  private static func schema(of key: KeyDeclaration) -> JSONValue {
    // If a key is not used, it may also be null.
    let value = key.condition == nil ? key.schema : ConfigurationSchema.orNull(key.schema)
    let meaning = key.meaning + (key.condition.map { " Only if \($0)." } ?? "")
    return described(value, meaning, default: key.fallbackValue)
  }

  private static func described(
    _ schema: JSONValue, _ meaning: String, default fallback: JSONValue? = nil
  ) -> JSONValue {
    var object = schema.object ?? JSONValue.Object()
    object["description"] = .string(meaning)
    object["default"] = fallback
    return .object(object)
  }
}
