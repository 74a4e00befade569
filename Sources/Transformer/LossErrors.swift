import Host

/// The loss of an evaluation is infinite or NaN.
public struct NotFiniteLossError: StatusCarrying, Equatable, CustomStringConvertible {
  /// What the loss was measured on, for the message.
  public let place: String
  public let loss: Double

  public init(place: String, loss: Double) { (self.place, self.loss) = (place, loss) }

  public var exitStatus: ExitStatus { .brokenNumbers }

  /// The likely cause of infinite or NaN logits, and what to do.
  public static let advice =
    "the model's weights are damaged, or too large: `phd checkpoint verify` names the first that is not finite"

  public var description: String {
    "\(place): the loss is \(loss); \(NotFiniteLossError.advice)"
  }
}

/// The data contain no target token, so there is no loss. Every document has one token.
public struct NoTargetError: StatusCarrying, Equatable, CustomStringConvertible {
  /// Which data have no target, for the message.
  public let place: String

  public init(place: String) { self.place = place }

  public var exitStatus: ExitStatus { .badData }

  public var description: String {
    "\(place) has no target token: all its documents are of one token, and the last token of a document predicts none "
      + "under data.document_mask; look at the corpus's documents, or set data.document_mask to false"
  }
}
