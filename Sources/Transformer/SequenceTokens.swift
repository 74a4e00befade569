/// The tokens of a micro-batch.
public struct SequenceTokens {
  /// Token ids [sequences][T + 1], each less than V.
  public let ids: UnsafeBufferPointer<Int32>
  /// The distance of each token from the start of its document or of the sequence, whichever is later,
  /// [sequences][T + 1]. Documents do not see each other, and a token that starts a document is not a target. Nil if
  /// each sequence is one document.
  public let positions: UnsafeBufferPointer<Int32>?

  public init(_ ids: UnsafeBufferPointer<Int32>, positions: UnsafeBufferPointer<Int32>? = nil) {
    self.ids = ids
    self.positions = positions
  }

  /// Some of the sequences.
  ///
  /// - Parameter range: the indices of their tokens in `ids`.
  public func part(_ range: Range<Int>) -> SequenceTokens {
    SequenceTokens(
      UnsafeBufferPointer(rebasing: ids[range]),
      positions: positions.map { UnsafeBufferPointer(rebasing: $0[range]) })
  }
}
