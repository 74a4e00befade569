import Host
import Transformer

/// What a user asked for that cannot be done, or what a model computed that cannot be used.
public struct InferenceError: Error, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Wrong usage.
    case usage
    /// What the model computed is not finite.
    case notFinite
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

extension InferenceError {
  /// - Parameter place: what the logits belong to, "prompt 2" say.
  static func brokenLogits(_ place: String) -> InferenceError {
    InferenceError(.notFinite, "\(place): the model's logits are not finite; \(brokenLogitsAdvice)")
  }

  /// What may have made logits infinite or NaN, and what to do about it.
  public static let brokenLogitsAdvice = NotFiniteLossError.advice
}

extension InferenceError: StatusCarrying {
  public var exitStatus: ExitStatus {
    switch kind {
    case .usage: .usage
    case .notFinite: .brokenNumbers
    }
  }
}
