import Host
import Transformer

/// Invalid usage, or logits that are not finite.
public struct InferenceError: Error, Equatable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Invalid usage.
    case usage
    /// The model's logits are infinite or NaN.
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
  /// - Parameter place: what the logits belong to, such as "prompt 2".
  static func brokenLogits(_ place: String) -> InferenceError {
    InferenceError(.notFinite, "\(place): the model's logits are not finite; \(brokenLogitsAdvice)")
  }

  /// The likely cause of infinite or NaN logits, and what to do.
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
