import Host

/// A loss that is measured, not trained on, and is not finite.
public struct NotFiniteLossError: StatusCarrying, Equatable, CustomStringConvertible {
  /// What it is the loss of, for the message.
  public let place: String
  public let loss: Double

  public init(place: String, loss: Double) { (self.place, self.loss) = (place, loss) }

  public var exitStatus: ExitStatus { .brokenNumbers }

  /// What may have made logits infinite or NaN, and what to do about it.
  public static let advice =
    "the model's weights are damaged, or too large: `phd checkpoint verify` names the first that is not finite"

  public var description: String {
    "\(place): the loss is \(loss); \(NotFiniteLossError.advice)"
  }
}

/// Tokens of which none is a target, so that there is no loss: documents of one token each.
public struct NoTargetError: StatusCarrying, Equatable, CustomStringConvertible {
  /// What has no target, for the message.
  public let place: String

  public init(place: String) { self.place = place }

  public var exitStatus: ExitStatus { .badData }

  public var description: String {
    "\(place) has no target token: all its documents are of one token, and the last token of a document predicts none "
      + "under data.document_mask; look at the corpus's documents, or set data.document_mask to false"
  }
}
