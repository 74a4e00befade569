import Storage

/// A corpus: an HDF5 file whose dataset `/tokens` has the tokens of all documents.
///
/// A sample is `sequenceLength + 1` consecutive tokens (inputs and, shifted by one, targets). Samples start every
/// `sequenceLength` tokens; an incomplete last one is not used.
public final class TokenFile: Sendable {
  public let path: String
  public let tokenCount: Int
  /// uint8, uint16 or uint32.
  public let elementType: HDF5ElementType
  /// The attribute `vocab_size`.
  public let vocabularySize: Int?
  /// The attribute `eos_token_id`: the token that ends each document.
  public let endOfDocument: Int?
  /// The attribute `tokenizer`: `bytes`, or a name.
  public let tokenizer: String?
  /// The attribute `tokenizer_sha256`.
  public let tokenizerSHA256: String?
  /// The number of entries of `/documents`; nil if there is no such dataset.
  public let documentCount: Int?

  let tokens: HDF5Dataset
  let documents: HDF5Dataset?
  /// The status of the file when it was opened.
  public let openedStatus: FileStatus

  /// Opens a corpus.
  ///
  /// - Throws: `StorageError`: `.missing`, `.damaged` if it is not a readable HDF5 file, `.failed`; `InvalidFileError` for
  ///   an HDF5 file that is not a corpus.
  public convenience init(_ path: String) throws {
    let file: HDF5File
    do {
      file = try HDF5File.open(path)
    } catch var error as StorageError {
      switch error.kind {
      case .missing: error.message += "; \(Self.buildHint)"
      case .damaged: error.message += "\n\(Self.buildHint)"
      case .failed: break
      }
      throw error
    }
    try self.init(file)
  }

  /// The corpus in an open file.
  init(_ file: HDF5File) throws {
    let path = file.path
    openedStatus = try file.status()
    guard try file.exists("/tokens") else {
      let names = try file.children().prefix(8).map { $0.name }
      throw InvalidFileError(
        path, "has no dataset /tokens (it has \(names.isEmpty ? "nothing" : names.joined(separator: ", ")))")
    }
    let tokens = try file.dataset("/tokens")
    guard tokens.shape.count == 1 else {
      throw InvalidFileError(path, "/tokens has the shape \(tokens.shape), expected one dimension")
    }
    guard [.uint8, .uint16, .uint32].contains(tokens.elementType) else {
      throw InvalidFileError(path, "/tokens is \(tokens.typeDescription), expected uint8, uint16 or uint32")
    }
    guard tokens.elementCount > 0 else {
      throw InvalidFileError(path, "/tokens is empty")
    }
    documents = try Self.documents(of: file)
    documentCount = documents?.elementCount
    vocabularySize = try Self.positiveAttribute("vocab_size", of: file, from: 1)
    endOfDocument = try Self.positiveAttribute("eos_token_id", of: file, from: 0)
    tokenizer = try file.stringAttribute("tokenizer")
    tokenizerSHA256 = try file.stringAttribute("tokenizer_sha256")
    self.path = path
    self.tokens = tokens
    tokenCount = tokens.elementCount
    elementType = tokens.elementType
  }

  static let buildHint = "build a corpus from text: phd corpus build TEXT --output CORPUS.h5 --tokenizer bytes"

  private static func documents(of file: HDF5File) throws -> HDF5Dataset? {
    guard try file.exists("/documents") else { return nil }
    let documents = try file.dataset("/documents")
    guard documents.shape.count == 1,
      [.uint8, .uint16, .uint32, .uint64, .int32, .int64].contains(documents.elementType)
    else {
      throw InvalidFileError(
        file.path,
        "/documents is \(documents.typeDescription) of shape \(documents.shape), expected uint64 of one dimension")
    }
    return documents
  }

  private static func positiveAttribute(_ name: String, of file: HDF5File, from least: Int) throws -> Int? {
    guard let value = try file.integerAttribute(name) else { return nil }
    guard value >= least, value <= 1 << 32 else {
      throw InvalidFileError(file.path, "the attribute \(name) is \(value), expected \(least) to 2^32")
    }
    return value
  }
}

extension TokenFile {
  /// The number of samples of `sequenceLength + 1` tokens.
  public func sampleCount(sequenceLength: Int) -> Int {
    (tokenCount - 1) / sequenceLength
  }

  /// A warning, with the path, if the type of `/tokens` cannot hold every token below `vocab_size`; otherwise nil.
  public var capacityWarning: String? {
    guard let vocabularySize, vocabularySize > elementType.tokenCapacity else { return nil }
    return "\(path): /tokens is \(elementType.rawValue), which ends at \(elementType.tokenCapacity - 1), and "
      + "vocab_size is \(vocabularySize): if larger tokens were truncated when it was written, its tokens are wrong"
  }

  /// Reads `buffer.count` tokens from position `offset` on. Tokens that do not fit in 31 bits are read as `Int32.max`.
  ///
  /// - Throws: `StorageError`.
  public func readTokens(at offset: Int, into buffer: UnsafeMutableBufferPointer<Int32>) throws {
    try tokens.read(from: offset, into: buffer)
  }

  /// Reads tokens and checks that each is below `vocabularySize`.
  ///
  /// - Throws: `InvalidFileError` with the position, the token and the size of the vocabulary; `StorageError`.
  public func readTokens(
    at offset: Int, into buffer: UnsafeMutableBufferPointer<Int32>, vocabularySize: Int
  ) throws {
    try readTokens(at: offset, into: buffer)
    var largest: Int32 = 0
    for token in buffer { largest = max(largest, token) }
    guard Int(largest) >= vocabularySize, let index = buffer.firstIndex(where: { Int($0) >= vocabularySize }) else {
      return
    }
    let position = offset + index
    var token: UInt32 = 0
    try withUnsafeMutablePointer(to: &token) {
      try tokens.read(from: position, into: UnsafeMutableBufferPointer(start: $0, count: 1))
    }
    throw InvalidFileError(
      path,
      "the token at position \(position) is \(token), the vocabulary has \(vocabularySize) tokens; "
        + "raise vocab_size or build the corpus with the right tokenizer")
  }
}
