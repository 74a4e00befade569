import JSON

extension ConfigurationReference {
  /// `configs/schema.json`: the keys as JSON Schema, for editors. It knows each key by itself; what one key demands of
  /// another is for the program to say.
  public static var schema: JSONValue {
    let (keys, sections) = declarations
    var properties = [(ConfigurationNames.schema, described(["type": "string"], "Where this schema is: for editors."))]
    var required: [String] = []
    for key in keys where !key.path.contains(".") { properties.append((key.path, schema(of: key))) }
    for section in sections {
      let prefix = section.name + "."
      let own = keys.filter { $0.path.hasPrefix(prefix) }
      let needed = own.filter { $0.fallback == nil }.map { String($0.path.dropFirst(prefix.count)) }
      let object = ConfigurationSchema.object(
        own.map { (String($0.path.dropFirst(prefix.count)), schema(of: $0)) }, required: needed)
      // A section whose keys all have defaults may be null.
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
    // Null is as good as left out where a key has no use.
    let value = key.condition == nil ? key.schema : ConfigurationSchema.orNull(key.schema)
    let meaning = key.meaning + (key.condition.map { " Only where \($0)." } ?? "")
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
