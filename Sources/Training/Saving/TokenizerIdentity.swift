import Corpus

/// What tokens mean: which tokenizer made them, as far as the corpora say.
public struct TokenizerIdentity: Sendable, Equatable {
  /// `bytes`, or a name.
  public let name: String?
  /// Of the file that defines it.
  public let sha256: String?
  /// The token after each document.
  public let endOfDocument: Int?

  public init(name: String? = nil, sha256: String? = nil, endOfDocument: Int? = nil) {
    self.name = name
    self.sha256 = sha256
    self.endOfDocument = endOfDocument
  }

  /// What all files of all sources agree on.
  public init(_ sources: [DataSource]) {
    let files = sources.flatMap(\.files)
    func common<Value: Equatable>(_ value: (TokenFile) -> Value?) -> Value? {
      let first = files.first.flatMap(value)
      return files.allSatisfy { value($0) == first } ? first : nil
    }
    self.init(
      name: common(\.tokenizer), sha256: common(\.tokenizerSHA256),
      endOfDocument: common(\.endOfDocument).map { Int($0) })
  }
}
