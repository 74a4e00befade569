import Host

/// An error in the evaluation of a benchmark.
public struct EvaluationError: StatusCarrying, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Wrong usage.
    case usage
    /// A benchmark file is invalid.
    case badData
    /// The items of a benchmark file have no labels.
    case noLabels
    /// A log-likelihood is not finite.
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
