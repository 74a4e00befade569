/// What a user asked for that cannot be done.
public struct InferenceError: Error, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Wrong usage.
    case usage
    /// A file is missing.
    case missing
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
