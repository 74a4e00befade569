/// What a model's users want to know of it, and its arithmetic does not: carried from where it is from to where it goes.
public struct ModelMetadata: Sendable, Equatable {
  /// The longest text it was made for; no limit to what it computes.
  public var maxPositionEmbeddings: Int?
  public var beginOfText: Int?
  /// The tokens that end a text, the first foremost.
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
