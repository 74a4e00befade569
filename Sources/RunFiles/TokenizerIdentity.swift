import Corpus
import Storage
import Tokenizers

/// The tokenizer of corpora or of a checkpoint, as far as they name it.
public struct TokenizerIdentity: Sendable, Equatable {
  /// `bytes`, or a name.
  public let name: String?
  /// The digest of the file that defines it.
  public let sha256: String?
  /// The end-of-document token.
  public let endOfDocument: Int?
  /// The file that defines it, if the corpus contains it.
  public let file: TokenizerFile?

  public init(name: String? = nil, sha256: String? = nil, endOfDocument: Int? = nil, file: TokenizerFile? = nil) {
    self.name = name
    self.sha256 = sha256
    self.endOfDocument = endOfDocument
    self.file = file
  }

  /// The properties that all files of all sources have in common.
  ///
  /// - Throws: `InvalidFileError` if a corpus's tokenizer file does not match the digest that it names; `StorageError`.
  public init(_ sources: [DataSource]) throws {
    let files = sources.flatMap(\.files)
    func common<Value: Equatable>(_ value: (TokenFile) -> Value?) -> Value? {
      let first = files.first.flatMap(value)
      return files.allSatisfy { value($0) == first } ? first : nil
    }
    let sha256 = common(\.tokenizerSHA256)
    var definition: TokenizerFile?
    if sha256 != nil { for file in files where definition == nil { definition = try file.tokenizerFile() } }
    self.init(
      name: common(\.tokenizer), sha256: sha256, endOfDocument: common(\.endOfDocument),
      file: definition)
  }

  /// Identifies the tokenizer: the digest, or `bytes`, which has none. A name alone does not identify one.
  private var mark: String? { sha256.map { "SHA-256 \($0)" } ?? (name == "bytes" ? "bytes" : nil) }

  private init(_ file: TokenFile) {
    self.init(name: file.tokenizer, sha256: file.tokenizerSHA256)
  }

  /// Checks that all corpora, and `checkpoint` if given, have the same tokenizer, as far as they name it.
  ///
  /// - Throws: `InvalidFileError` with both files and both tokenizers.
  public static func check(_ sources: [DataSource], against checkpoint: Checkpoint? = nil) throws {
    var first = checkpoint.map { ($0.path, $0.tokenizer) }
    for file in sources.flatMap(\.files) {
      let own = TokenizerIdentity(file)
      guard let mark = own.mark else { continue }
      if let (path, other) = first, let otherMark = other.mark, otherMark != mark {
        throw InvalidFileError(
          file.path,
          "was made with the tokenizer \(own.named), \(path) with \(other.named): their tokens do not mean the same. "
            + "Build the corpus with the same tokenizer")
      }
      if first?.1.mark == nil { first = (file.path, own) }
    }
  }

  /// Checks that the corpora have the tokenizer that the weights in a file were trained with, if both are known.
  ///
  /// - Throws: `InvalidFileError` with both tokenizers.
  package func check(against other: TokenizerIdentity, of path: String) throws {
    guard let mark, let otherMark = other.mark, mark != otherMark else { return }
    throw InvalidFileError(
      path,
      "was trained with the tokenizer \(other.named), the corpora were made with \(named): their tokens do not mean "
        + "the same")
  }

  /// The name and the digest, for messages.
  public var named: String {
    [name, sha256.map { "(SHA-256 \($0))" }].compactMap(\.self).joined(separator: " ")
  }
}
