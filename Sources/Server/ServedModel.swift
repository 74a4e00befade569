import Corpus

/// What a request has to fit: the model's tokens, and the server's limits.
public struct ServedModel: Sendable {
  /// What clients call it.
  public let name: String
  public let vocabularySize: Int
  /// Nil where nobody knows what the tokens mean: prompts are then token ids, and texts empty.
  public let text: TokenText?
  /// Each ends a text.
  public let endTokens: Set<Int32>
  /// Tokens of a prompt and what is added to it, together.
  public let maximumLength: Int
  /// Prompts times choices of one request.
  public let maximumSequences: Int
  /// Longer texts cannot be so few tokens.
  let maximumTextBytes: Int

  public init(
    name: String, vocabularySize: Int, text: TokenText?, endTokens: Set<Int32>, maximumLength: Int,
    maximumSequences: Int = 1024
  ) {
    self.name = name
    self.vocabularySize = vocabularySize
    self.text = text
    self.endTokens = endTokens
    self.maximumLength = maximumLength
    self.maximumSequences = maximumSequences
    // A normal form may shorten a text.
    maximumTextBytes = 4 * (text?.longestText(tokens: maximumLength) ?? 0)
  }

  /// How a token is called in a response's logprobs: its text; `bytes:\xe2\x80` where its bytes are no whole characters;
  /// `token_id:7` where it has none.
  func name(of token: Int32) -> String {
    let bytes = text?.spelling(of: Int(token)) ?? []
    if bytes.isEmpty { return ServedModel.numbered(token) }
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    let digits = bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "bytes:" + digits.joined()
  }

  static func numbered(_ token: Int32) -> String { "token_id:\(token)" }
}
