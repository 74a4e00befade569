import Host

/// Why a benchmark cannot be evaluated.
public struct EvaluationError: StatusCarrying, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Wrong usage.
    case usage
    /// A file of items that is wrong.
    case badData
    /// One whose items do not say which choice is right.
    case noLabels
    /// The model's numbers broke.
    case notFinite
  }

  public let kind: Kind
  /// What is wrong, where, what was expected and what to do, in one or two lines.
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  public var exitStatus: ExitStatus {
    switch kind {
    case .usage: .usage
    case .badData, .noLabels: .badData
    case .notFinite: .brokenNumbers
    }
  }
}
