/// The tokens of a micro-batch.
public struct SequenceTokens {
  /// [sequences][T + 1], each below V.
  public let ids: UnsafeBufferPointer<Int32>
  /// How far each token is from its document's start, or from the sequence's where that is later: likewise
  /// [sequences][T + 1]. Documents don't see each other then, and the last token of each predicts nothing. Nil where a
  /// sequence is one text.
  public let positions: UnsafeBufferPointer<Int32>?

  public init(_ ids: UnsafeBufferPointer<Int32>, positions: UnsafeBufferPointer<Int32>? = nil) {
    self.ids = ids
    self.positions = positions
  }

  /// Some of these sequences, by where their tokens lie.
  public func part(_ range: Range<Int>) -> SequenceTokens {
    SequenceTokens(
      UnsafeBufferPointer(rebasing: ids[range]),
      positions: positions.map { UnsafeBufferPointer(rebasing: $0[range]) })
  }
}
