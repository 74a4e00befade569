import Corpus

/// The model that requests are validated against, and the server's limits.
public struct ServedModel: Sendable {
  /// The model's name in requests.
  public let name: String
  public let vocabularySize: Int
  /// Nil if there is no tokenizer. Prompts must then be token ids, and texts are empty.
  public let text: TokenText?
  /// The end-of-text tokens.
  public let endTokens: Set<Int32>
  /// The maximum number of tokens of a prompt and its completion together.
  public let maximumLength: Int
  /// The maximum number of prompts times choices in one request.
  public let maximumSequences: Int
  /// The maximum size of a prompt's text; longer texts have more than ``maximumLength`` tokens.
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
    // Unicode normalization may shorten a text.
    maximumTextBytes = 4 * (text?.longestText(tokens: maximumLength) ?? 0)
  }

  /// A token's name in a response's logprobs: its text; `bytes:\xe2\x80` if its bytes are not complete characters;
  /// `token_id:7` if it has no bytes.
  func name(of token: Int32) -> String {
    let bytes = text?.spelling(of: Int(token)) ?? []
    if bytes.isEmpty { return ServedModel.numbered(token) }
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    let digits = bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "bytes:" + digits.joined()
  }

  static func numbered(_ token: Int32) -> String { "token_id:\(token)" }
}
