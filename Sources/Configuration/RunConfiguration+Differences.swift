import JSON

extension RunConfiguration {
  /// A key whose value differs from that in another configuration.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    /// Dotted: `training.steps`, `data.train[0].weight`.
    public let key: String
    /// The value in this configuration, as JSON; `absent` if the key does not apply.
    public let value: String
    /// The value in the other configuration.
    public let other: String

    public var description: String { "\(key) is \(value), and was \(other)" }
  }

  /// The differences from the configuration of a checkpoint: those that prevent resuming and those that are
  /// allowed.
  ///
  /// The number and the weights of the training corpora must stay the same. Paths may change (contents are compared
  /// elsewhere), and so may stages that have not begun.
  /// - Parameter step: the number of steps that the run has completed.
  public func differences(
    from other: RunConfiguration, after step: Int = .max
  ) -> (forbidden: [Difference], allowed: [Difference]) {
    var (forbidden, allowed): ([Difference], [Difference]) = ([], [])
    let (mine, theirs) = (leaves, other.leaves)
    let (mineByKey, theirsByKey) = (RunConfiguration.byKey(mine), RunConfiguration.byKey(theirs))
    let keys = mine.map(\.key) + theirs.map(\.key).filter { mineByKey[$0] == nil }
    let locked = ConfigurationReference.lockedKeys
    for key in keys where mineByKey[key] != theirsByKey[key] {
      let difference = Difference(key: key, value: mineByKey[key] ?? "absent", other: theirsByKey[key] ?? "absent")
      if locked.contains(key) { forbidden.append(difference) } else { allowed.append(difference) }
    }
    let (begun, otherBegun) = (data.begunStages(after: step), other.data.begunStages(after: step))
    if begun.count == otherBegun.count {
      for (mine, theirs) in zip(begun, otherBegun) {
        let found = mine.differences(from: theirs)
        forbidden += found.forbidden
        allowed += found.allowed
      }
    } else {
      forbidden.append(
        Difference(key: "data.stages", value: data.stagesText, other: other.data.stagesText))
    }
    let (later, otherLater) = (
      data.stages.filter { $0.fromStep > step }, other.data.stages.filter { $0.fromStep > step }
    )
    if later != otherLater {
      allowed.append(Difference(key: "data.stages", value: data.stagesText, other: other.data.stagesText))
    }
    return (forbidden, allowed)
  }

  /// The resolved keys with the JSON text of their values, without `data.train` and `data.stages`.
  private var leaves: [(key: String, text: String)] {
    var leaves: [(key: String, text: String)] = []
    for field in resolved.object?.fields ?? [] {
      guard let section = field.value.object else {
        leaves.append((field.name, field.value.compact))
        continue
      }
      for key in section.fields where !(field.name == "data" && ["train", "stages"].contains(key.name)) {
        leaves.append(("\(field.name).\(key.name)", key.value.compact))
      }
    }
    return leaves
  }

  private static func byKey(_ leaves: [(key: String, text: String)]) -> [String: String] {
    Dictionary(leaves.map { ($0.key, $0.text) }) { first, _ in first }
  }
}

extension RunConfiguration.DataSection {
  /// The stages begun within the first `step` steps (at least the first stage).
  package func begunStages(after step: Int) -> [NumberedStage] {
    numbered.stages.filter { $0.fromStep <= max(1, step) }
  }

  fileprivate var stagesText: String { JSONValue.array(stages.map(\.json)).compact }
}

extension RunConfiguration.DataSection.NumberedStage {
  fileprivate typealias Difference = RunConfiguration.Difference

  fileprivate func differences(from other: Self) -> (forbidden: [Difference], allowed: [Difference]) {
    if fromStep != other.fromStep {
      let name = key.replacing(".train", with: ".from_step")
      return ([Difference(key: name, value: "\(fromStep)", other: "\(other.fromStep)")], [])
    }
    let (mine, theirs) = (
      RunConfiguration.DataSection.Entry.json(entries), RunConfiguration.DataSection.Entry.json(other.entries)
    )
    // A path change counts as a moved corpus only if every list changes the same way.
    if corpora != other.corpora { return ([Difference(key: key, value: mine.compact, other: theirs.compact)], []) }
    var (forbidden, allowed): ([Difference], [Difference]) = ([], [])
    for (index, (mine, theirs)) in zip(entries, other.entries).enumerated() {
      let key = "\(key)[\(index)]"
      if mine.weight != theirs.weight {
        forbidden.append(Difference(key: key + ".weight", value: "\(mine.weight)", other: "\(theirs.weight)"))
      }
      if mine.path != theirs.path {
        let (path, otherPath) = (JSONValue.string(mine.path).compact, JSONValue.string(theirs.path).compact)
        allowed.append(Difference(key: key + ".path", value: path, other: otherPath))
      }
    }
    return (forbidden, allowed)
  }
}
