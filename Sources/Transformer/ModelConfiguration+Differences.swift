extension ModelConfiguration {
  /// A key with different values in two models.
  public struct Difference: Sendable, Equatable {
    /// The key of a configuration's section `model`.
    public let key: String
    public let value: String
    /// The other model's.
    public let other: String

    /// Whether the models compute different functions from weights of the same shapes.
    public let changesFunction: Bool

    public init(key: String, value: String, other: String, changesFunction: Bool = true) {
      (self.key, self.value, self.other, self.changesFunction) = (key, value, other, changesFunction)
    }
  }

  /// The fields that differ from another model's, except those that only affect initial weights.
  public func differences(from other: ModelConfiguration) -> [Difference] {
    zip(fields, other.fields).compactMap { mine, theirs in
      if mine.value == theirs.value || mine.effect == .initialization { return nil }
      return Difference(
        key: mine.key, value: "\(mine.value)", other: "\(theirs.value)", changesFunction: mine.effect == .function)
    }
  }
}
