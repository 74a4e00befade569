import JSON

extension RunConfiguration {
  /// A key whose value another configuration has otherwise.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    /// Dotted: `training.steps`, `data.train[0].weight`.
    public let key: String
    /// The value here, as JSON; `absent` where the key does not apply.
    public let value: String
    /// The value there.
    public let other: String

    public var description: String { "\(key) is \(value), and was \(other)" }
  }

  /// Keys, and with a dot at the end sections, that stay as they are for a run's whole life.
  static let fixed = [
    "seed", "model.", "hidden_decoding.", "data.sequence_length", "data.document_mask",
    "training.global_batch_size", "training.micro_batch_size", "training.gradient_clip", "training.z_loss",
    "training.precision", "optimizer.", "schedule.",
  ]

  /// Whether a resumed run may have another value of that key, a dotted path.
  static func isFixed(_ key: String) -> Bool {
    fixed.contains { $0.hasSuffix(".") ? key.hasPrefix($0) : key == $0 }
  }

  /// What differs from the configuration that a run was begun with: what makes a resume impossible, and what may
  /// change. Of the training corpora the number of entries and their weights are forbidden to change; paths may, since
  /// content is what must stay.
  public func differences(
    from other: RunConfiguration
  ) -> (forbidden: [Difference], allowed: [Difference]) {
    var (forbidden, allowed): ([Difference], [Difference]) = ([], [])
    let (mine, theirs) = (leaves, other.leaves)
    let (mineByKey, theirsByKey) = (RunConfiguration.byKey(mine), RunConfiguration.byKey(theirs))
    let keys = mine.map(\.key) + theirs.map(\.key).filter { mineByKey[$0] == nil }
    for key in keys where mineByKey[key] != theirsByKey[key] {
      let difference = Difference(key: key, value: mineByKey[key] ?? "absent", other: theirsByKey[key] ?? "absent")
      if RunConfiguration.isFixed(key) { forbidden.append(difference) } else { allowed.append(difference) }
    }
    let (entries, otherEntries) = (data.train, other.data.train)
    if entries.count != otherEntries.count {
      forbidden.append(
        Difference(
          key: "data.train", value: resolved["data"]?["train"]?.compact ?? "",
          other: other.resolved["data"]?["train"]?.compact ?? ""))
    } else {
      for (index, (mine, theirs)) in zip(entries, otherEntries).enumerated() {
        let key = "data.train[\(index)]"
        if mine.weight != theirs.weight {
          forbidden.append(Difference(key: key + ".weight", value: "\(mine.weight)", other: "\(theirs.weight)"))
        }
        if mine.path != theirs.path {
          let (path, otherPath) = (JSONValue.string(mine.path).compact, JSONValue.string(theirs.path).compact)
          allowed.append(Difference(key: key + ".path", value: path, other: otherPath))
        }
      }
    }
    return (forbidden, allowed)
  }

  /// The resolved keys and their values' text, `data.train` apart.
  private var leaves: [(key: String, text: String)] {
    var leaves: [(key: String, text: String)] = []
    for field in resolved.object?.fields ?? [] {
      guard let section = field.value.object else {
        leaves.append((field.name, field.value.compact))
        continue
      }
      for key in section.fields where !(field.name == "data" && key.name == "train") {
        leaves.append(("\(field.name).\(key.name)", key.value.compact))
      }
    }
    return leaves
  }

  private static func byKey(_ leaves: [(key: String, text: String)]) -> [String: String] {
    Dictionary(leaves.map { ($0.key, $0.text) }) { first, _ in first }
  }
}
