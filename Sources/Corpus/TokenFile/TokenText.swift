import Storage
import Tokenizers

/// Converts between the tokens of a model and text.
public enum TokenText: Sendable {
  case bytes
  case file(BPETokenizer)

  /// The tokenizer stored in a corpus; nil if it has none.
  ///
  /// - Throws: `InvalidFileError` if the tokenizer cannot be used; `StorageError`.
  public init?(of file: TokenFile) throws {
    if let definition = try file.tokenizerFile() {
      self = .file(try BPETokenizer(definition))
    } else if file.tokenizer == ByteTokenizer().name && file.tokenizerSHA256 == nil {
      self = .bytes
    } else {
      return nil
    }
  }

  /// The token after each document; nil if the tokenizer has none of the usual ones.
  public var endOfDocument: Int? {
    switch self {
    case .bytes: Int(ByteTokenizer().endOfDocument)
    case .file(let tokenizer): FileTokenizer.endOfDocument(of: tokenizer)
    }
  }

  /// Encodes a text.
  ///
  /// - Throws: `InvalidFileError` if the tokenizer's pattern exceeds its backtracking limit.
  public func tokens(of text: String) throws -> [Int] {
    switch self {
    case .bytes: text.utf8.map { Int($0) }
    case .file(let tokenizer): try tokenizer.encode(text)
    }
  }

  /// The bytes that a token adds to a text; none for special tokens.
  public func bytes(of token: Int) -> [UInt8] {
    switch self {
    case .bytes: UInt8(exactly: token).map { [$0] } ?? []
    case .file(let tokenizer): tokenizer.isSpecial(token) ? [] : Array(tokenizer.bytes(of: token))
    }
  }

  /// The bytes that a token is displayed as; for special tokens, their names. Empty if the vocabulary has no such token.
  public func spelling(of token: Int) -> [UInt8] {
    switch self {
    case .bytes: token == endOfDocument ? Array(FileTokenizer.defaultEndTokens[0].utf8) : bytes(of: token)
    case .file(let tokenizer): Array(tokenizer.bytes(of: token))
    }
  }

  /// The largest number of bytes of text that `tokens` tokens can represent.
  public func longestText(tokens: Int) -> Int {
    switch self {
    case .bytes: tokens
    case .file(let tokenizer):
      tokens * ((0..<tokenizer.vocabularySize).lazy.map { tokenizer.bytes(of: $0).count }.max() ?? 1)
    }
  }
}

extension TokenFile {
  /// The tokenizer's file, stored as `/tokenizer`; nil if there is none.
  ///
  /// - Throws: `InvalidFileError` if its digest differs from the corpus's attribute; `StorageError`.
  public func tokenizerFile() throws -> TokenizerFile? {
    try TokenFile.tokenizerFile(of: HDF5File.open(path), name: tokenizer, sha256: tokenizerSHA256)
  }

  /// The file stored as `/tokenizer`, uint8, in a corpus or a checkpoint; nil if there is none.
  ///
  /// - Parameter sha256: the expected digest of its bytes; nil to skip the check.
  /// - Throws: `InvalidFileError` if the digest differs; `StorageError`.
  public static func tokenizerFile(of file: HDF5File, name: String?, sha256: String?) throws -> TokenizerFile? {
    guard try file.exists("/tokenizer") else { return nil }
    let dataset = try file.dataset("/tokenizer")
    guard dataset.shape.count == 1, dataset.elementType == .uint8 else {
      throw InvalidFileError(
        file.path, "/tokenizer is \(dataset.typeDescription) of shape \(dataset.shape), expected bytes")
    }
    guard dataset.elementCount <= TokenizerFile.largestSize else {
      throw InvalidFileError(file.path, "/tokenizer has \(dataset.elementCount) bytes, too many for a tokenizer.json")
    }
    let found = TokenizerFile(path: file.path, name: name ?? "tokenizer", bytes: try dataset.array())
    if let sha256, sha256 != found.sha256 {
      throw InvalidFileError(
        file.path, "/tokenizer has the SHA-256 \(found.sha256), the attribute tokenizer_sha256 is \(sha256)")
    }
    return found
  }
}
