/// Settings of a model that do not affect its computation. Imports and exports preserve them.
public struct ModelMetadata: Sendable, Equatable {
  /// The maximum number of positions that the model was made for. This project does not enforce it.
  public var maxPositionEmbeddings: Int?
  public var beginOfText: Int?
  /// The end-of-text tokens. The first also ends documents.
  public var endOfText: [Int]
  public var padding: Int?

  public init(
    maxPositionEmbeddings: Int? = nil, beginOfText: Int? = nil, endOfText: [Int] = [], padding: Int? = nil
  ) {
    self.maxPositionEmbeddings = maxPositionEmbeddings
    self.beginOfText = beginOfText
    self.endOfText = endOfText
    self.padding = padding
  }
}
