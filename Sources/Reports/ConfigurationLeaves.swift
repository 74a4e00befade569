import JSON

/// A configuration's values by dotted key. A list is one value.
struct ConfigurationLeaves {
  private(set) var keys: [String] = []
  private var values: [String: JSONValue] = [:]

  init(_ configuration: JSONValue) { add(configuration, under: "") }

  private mutating func add(_ value: JSONValue, under key: String) {
    if let object = value.object, !object.fields.isEmpty {
      for field in object.fields { add(field.value, under: key.isEmpty ? field.name : "\(key).\(field.name)") }
    } else if values.updateValue(value, forKey: key) == nil {
      keys.append(key)
    }
  }

  /// The keys whose values differ between the configurations, except `name`, in the order of first occurrence.
  static func differing(_ configurations: [ConfigurationLeaves]) -> [(key: String, values: [JSONValue?])] {
    let keys = configurations.reduce(into: (list: [String](), set: Set<String>())) { keys, configuration in
      for key in configuration.keys where keys.set.insert(key).inserted { keys.list.append(key) }
    }
    return keys.list.filter { $0 != "name" }.compactMap { key in
      let values = configurations.map { $0.values[key] }
      return values.allSatisfy { $0 == values[0] } ? nil : (key, values)
    }
  }
}
