import JSON

extension RunConfiguration.DataSection.Entry {
  private typealias ValueError = ConfigurationSection.ValueError

  static func list(_ json: JSONValue) throws(ConfigurationSection.ValueError) -> [Self]? { try list(json, at: "") }

  fileprivate static func list(_ json: JSONValue, at place: String) throws(ConfigurationSection.ValueError) -> [Self]? {
    if case .string = json { return [try entry(json, at: place)] }
    guard let elements = json.array, !elements.isEmpty else { return nil }
    var entries: [Self] = []
    for (index, element) in elements.enumerated() { entries.append(try entry(element, at: "\(place)[\(index)]")) }
    return entries
  }

  static func json(_ entries: [Self]) -> JSONValue { .array(entries.map(\.json)) }

  private static func entry(_ json: JSONValue, at place: String) throws(ConfigurationSection.ValueError) -> Self {
    switch json {
    case .string(let path): return Self(path: try checked(.string(path), at: place), weight: 1)
    case .object(let object):
      try ValueError.checkKeys(of: object, among: ["path", "weight"], at: place)
      guard let path = object["path"] else {
        throw ValueError(place: place + ".path", message: "is missing: give the corpus's path")
      }
      let weight = object["weight"] ?? 1
      let range = NumberRange.from(1e-9, to: 1e9)
      guard let share = weight.number, range.contains(share) else {
        throw ValueError(place: place + ".weight", message: "must be a number \(range.text), not \(weight.described)")
      }
      return Self(path: try checked(path, at: place + ".path"), weight: share)
    default:
      throw ValueError(
        place: place, message: "must be a path or an object with \"path\" and \"weight\", not \(json.described)")
    }
  }

  fileprivate static func checked(
    _ json: JSONValue, at place: String
  ) throws(ConfigurationSection.ValueError) -> String {
    guard let path = json.string, RunConfiguration.isPath(path) else {
      throw ValueError(place: place, message: "must be the path of a corpus, not \(json.described)")
    }
    return path
  }

  fileprivate var json: JSONValue { ["path": .string(path), "weight": .number(weight)] }
}

extension RunConfiguration.DataSection.Stage {
  private typealias ValueError = ConfigurationSection.ValueError

  static func list(_ json: JSONValue) throws(ConfigurationSection.ValueError) -> [Self]? {
    if json == .null { return [] }
    guard let elements = json.array else { return nil }
    var stages: [Self] = []
    for (index, element) in elements.enumerated() {
      let stage = try stage(element, at: "[\(index)]")
      if let last = stages.last, stage.fromStep <= last.fromStep {
        throw ValueError(
          place: "[\(index)].from_step",
          message:
            "is \(stage.fromStep), but the previous stage starts at \(last.fromStep): list the stages in ascending order"
        )
      }
      stages.append(stage)
    }
    return stages
  }

  private static func stage(_ json: JSONValue, at place: String) throws(ConfigurationSection.ValueError) -> Self {
    guard let object = json.object else {
      throw ValueError(
        place: place, message: "must be an object with \"from_step\" and \"train\", not \(json.described)")
    }
    try ValueError.checkKeys(of: object, among: ["from_step", "train"], at: place)
    let steps = 2...ConfigurationLimit.count
    let from = object["from_step"] ?? .null
    guard let first = from.integer, steps.contains(first) else {
      throw ValueError(
        place: place + ".from_step",
        message:
          "must be an integer from 2 to \(steps.upperBound), not \(from.described); before that, data.train is used"
      )
    }
    let train = object["train"] ?? .null
    guard let entries = try RunConfiguration.DataSection.Entry.list(train, at: place + ".train") else {
      throw ValueError(
        place: place + ".train", message: "must be a path, or a list like data.train, not \(train.described)")
    }
    return Self(fromStep: first, train: entries)
  }

  var json: JSONValue { ["from_step": .integer(fromStep), "train": RunConfiguration.DataSection.Entry.json(train)] }
}

extension RunConfiguration.DataSection.ValidationSet {
  static func list(_ json: JSONValue) throws(ConfigurationSection.ValueError) -> [Self]? {
    if json == .null { return [] }
    guard let object = json.object else { return nil }
    var sets: [Self] = []
    for field in object.fields {
      if field.name.isEmpty {
        throw ConfigurationSection.ValueError(place: "", message: "has a name that is empty: the log needs a name")
      }
      let path = try RunConfiguration.DataSection.Entry.checked(field.value, at: ".\(shortened(field.name))")
      sets.append(Self(name: field.name, path: path))
    }
    return sets
  }

  /// A name as part of a dotted path in a message, quoted if it is long or has special characters.
  private static func shortened(_ name: String) -> String {
    let shown = quoted(name)
    return shown == "\"\(name)\"" ? name : shown
  }

  static func json(_ sets: [Self]) -> JSONValue {
    .object(JSONValue.Object(distinct: sets.map { JSONValue.Field(name: $0.name, value: .string($0.path)) }))
  }
}
