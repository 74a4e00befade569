import JSON

extension RunConfiguration {
  /// The corpora, and how they are cut into samples.
  public struct Data: Sendable, Equatable {
    /// One corpus of the mixture.
    public struct Entry: Sendable, Equatable {
      /// A file, or a glob for several.
      public let path: String
      /// Its share of the samples, relative to the other entries' weights.
      public let weight: Double
    }

    /// One corpus whose loss is measured.
    public struct ValidationSet: Sendable, Equatable {
      /// The log's name for it.
      public let name: String
      public let path: String
    }

    /// What is trained on: at least one entry.
    public let train: [Entry]
    /// In the configuration's order.
    public let validation: [ValidationSet]
    /// T: a sample is T + 1 consecutive tokens.
    public let sequenceLength: Int
    /// Whether the documents of a sample are apart.
    public let documentMask: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      train =
        try section.value(
          ConfigurationSection.Key(
            name: "train", expected: "a path, or a list of paths and of {\"path\": …, \"weight\": …}", fallback: nil,
            meaning: "The training corpora. One path, or a list whose entries are a path or an object with `path` and "
              + "`weight`: the entry's share of the samples relative to the others', a number from 1e-9 to 1e9, by "
              + "default 1. A path may be a glob.",
            placeholder: [], read: Entry.list, write: { .array($0.map(\.json)) })) ?? []
      validation =
        try section.value(
          ConfigurationSection.Key(
            name: "validation", expected: "an object of names and paths", fallback: [],
            meaning: "The corpora that the loss is measured on, each under a name of its own, which the log uses.",
            placeholder: [], read: ValidationSet.list, write: ValidationSet.json)) ?? []
      sequenceLength = try section.integer(
        "sequence_length", in: 1...ConfigurationLimit.width,
        "T, positions of a sequence: a sample is T + 1 consecutive tokens, the last T of them targets.")
      documentMask = try section.boolean(
        "document_mask", default: false,
        "Whether a sample's documents are apart: attention does not cross a document's start, positions count from it "
          + "(from the sample's for a document cut by it), and a document's last token predicts nothing. Documents "
          + "start where the corpus's `/documents` says so, else after each `eos_token_id`.")
    }
  }
}

extension RunConfiguration.Data.Entry {
  private typealias Fault = ConfigurationSection.KeyFault

  fileprivate static func list(_ json: JSONValue) throws(ConfigurationSection.KeyFault) -> [Self]? {
    if case .string = json { return [try entry(json, at: "")] }
    guard let elements = json.array else { return nil }
    if elements.isEmpty { return nil }
    var entries: [Self] = []
    for (index, element) in elements.enumerated() { entries.append(try entry(element, at: "[\(index)]")) }
    return entries
  }

  private static func entry(_ json: JSONValue, at place: String) throws(ConfigurationSection.KeyFault) -> Self {
    switch json {
    case .string(let path): return Self(path: try checked(.string(path), at: place), weight: 1)
    case .object(let object):
      if let unknown = object.fields.first(where: { $0.name != "path" && $0.name != "weight" }) {
        let nearest = Spelling.nearest(to: unknown.name, among: ["path", "weight"]) ?? "path"
        throw Fault(place: place, message: "has an unknown key \(quoted(unknown.name)): did you mean \"\(nearest)\"?")
      }
      guard let path = object["path"] else {
        throw Fault(place: place + ".path", message: "is missing: give the corpus's path")
      }
      let weight = object["weight"] ?? 1
      let range = NumberRange.from(1e-9, to: 1e9)
      guard let share = weight.number, range.contains(share) else {
        throw Fault(place: place + ".weight", message: "must be a number \(range.text), not \(weight.described)")
      }
      return Self(path: try checked(path, at: place + ".path"), weight: share)
    default:
      throw Fault(
        place: place, message: "must be a path or an object with \"path\" and \"weight\", not \(json.described)")
    }
  }

  fileprivate static func checked(
    _ json: JSONValue, at place: String
  ) throws(ConfigurationSection.KeyFault) -> String {
    guard let path = json.string, RunConfiguration.isPath(path) else {
      throw Fault(place: place, message: "must be the path of a corpus, not \(json.described)")
    }
    return path
  }

  fileprivate var json: JSONValue { ["path": .string(path), "weight": .number(weight)] }
}

extension RunConfiguration.Data.ValidationSet {
  fileprivate static func list(_ json: JSONValue) throws(ConfigurationSection.KeyFault) -> [Self]? {
    guard let object = json.object else { return nil }
    var sets: [Self] = []
    for field in object.fields {
      if field.name.isEmpty {
        throw ConfigurationSection.KeyFault(place: "", message: "has a name that is empty: the log needs one")
      }
      let path = try RunConfiguration.Data.Entry.checked(field.value, at: ".\(shortened(field.name))")
      sets.append(Self(name: field.name, path: path))
    }
    return sets
  }

  /// A name as part of a dotted path in a message: in quotes where it is long or strange.
  private static func shortened(_ name: String) -> String {
    let shown = quoted(name)
    return shown == "\"\(name)\"" ? name : shown
  }

  fileprivate static func json(_ sets: [Self]) -> JSONValue {
    .object(JSONValue.Object(distinct: sets.map { JSONValue.Field(name: $0.name, value: .string($0.path)) }))
  }
}
