import Corpus
import Storage
import Tokenizers

/// What tokens mean: which tokenizer made them, as far as the corpora say.
public struct TokenizerIdentity: Sendable, Equatable {
  /// `bytes`, or a name.
  public let name: String?
  /// Of the file that defines it.
  public let sha256: String?
  /// The token after each document.
  public let endOfDocument: Int?
  /// The file that defines it, where it came with the corpus.
  public let file: TokenizerFile?

  public init(name: String? = nil, sha256: String? = nil, endOfDocument: Int? = nil, file: TokenizerFile? = nil) {
    self.name = name
    self.sha256 = sha256
    self.endOfDocument = endOfDocument
    self.file = file
  }

  /// What all files of all sources agree on.
  ///
  /// - Throws: `InvalidFileError` where a corpus's tokenizer is not the one that it names; `StorageError`.
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

  /// What tells tokenizers apart: the digest, or `bytes`, which has none. A name alone tells nothing.
  private var mark: String? { sha256.map { "SHA-256 \($0)" } ?? (name == "bytes" ? "bytes" : nil) }

  private init(_ file: TokenFile) {
    self.init(name: file.tokenizer, sha256: file.tokenizerSHA256)
  }

  /// Checks that the corpora are of one tokenizer, that of `checkpoint` where there is one, as far as each of them says.
  ///
  /// - Throws: `InvalidFileError`, naming both files and both tokenizers.
  public static func check(_ sources: [DataSource], against checkpoint: Checkpoint? = nil) throws {
    var first = checkpoint.map { ($0.path, $0.tokenizer) }
    for file in sources.flatMap(\.files) {
      let own = TokenizerIdentity(file)
      guard let mark = own.mark else { continue }
      if let (path, other) = first, let otherMark = other.mark, otherMark != mark {
        throw InvalidFileError(
          file.path,
          "is of the tokenizer \(own.named), \(path) of \(other.named): their tokens do not mean the same. Build the "
            + "corpus with the same tokenizer")
      }
      if first?.1.mark == nil { first = (file.path, own) }
    }
  }

  /// Checks that what the corpora are of is what the weights in a file were trained on, as far as both are known.
  ///
  /// - Throws: `InvalidFileError`, naming both tokenizers.
  package func check(against other: TokenizerIdentity, of path: String) throws {
    guard let mark, let otherMark = other.mark, mark != otherMark else { return }
    throw InvalidFileError(
      path, "is of the tokenizer \(other.named), the corpora of \(named): their tokens do not mean the same")
  }

  /// Its name and its digest, for a message.
  public var named: String {
    [name, sha256.map { "(SHA-256 \($0))" }].compactMap(\.self).joined(separator: " ")
  }
}
