import Tokenizers

/// What the tokens of a model are in a text.
public enum TokenText: Sendable {
  case bytes
  case file(BPETokenizer)

  /// The tokenizer that a corpus holds; nil where it holds none.
  ///
  /// - Throws: `InvalidFileError` where it cannot be used; `StorageError`.
  public init?(of file: TokenFile) throws {
    if let definition = try file.tokenizerFile() {
      self = .file(try BPETokenizer(definition))
    } else if file.tokenizer == ByteTokenizer().name && file.tokenizerSHA256 == nil {
      self = .bytes
    } else {
      return nil
    }
  }

  /// The token after each document, where one is usual.
  public var endOfDocument: Int? {
    switch self {
    case .bytes: Int(ByteTokenizer().endOfDocument)
    case .file(let tokenizer): FileTokenizer.endOfDocument(of: tokenizer)
    }
  }

  /// - Throws: `InvalidFileError` where the tokenizer's pattern gives up on the text.
  public func tokens(of text: String) throws -> [Int] {
    switch self {
    case .bytes: text.utf8.map { Int($0) }
    case .file(let tokenizer): try tokenizer.encode(text)
    }
  }

  /// The bytes that a token adds to a text; special ones add none.
  public func bytes(of token: Int) -> [UInt8] {
    switch self {
    case .bytes: UInt8(exactly: token).map { [$0] } ?? []
    case .file(let tokenizer): tokenizer.isSpecial(token) ? [] : Array(tokenizer.bytes(of: token))
    }
  }

  /// The bytes that a token is written as, special ones by their names; none for a token that there is not.
  public func spelling(of token: Int) -> [UInt8] {
    switch self {
    case .bytes: token == endOfDocument ? Array(FileTokenizer.usualEnds[0].utf8) : bytes(of: token)
    case .file(let tokenizer): Array(tokenizer.bytes(of: token))
    }
  }

  /// The most bytes of text that so many tokens can stand for.
  public func longestText(tokens: Int) -> Int {
    switch self {
    case .bytes: tokens
    case .file(let tokenizer):
      tokens * ((0..<tokenizer.vocabularySize).lazy.map { tokenizer.bytes(of: $0).count }.max() ?? 1)
    }
  }
}
