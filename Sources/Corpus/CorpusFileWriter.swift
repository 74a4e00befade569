import Storage
import Tokenizers

/// Appends tokens to `/tokens` and documents' starts to `/documents` of a new corpus, whole chunks at a time.
final class CorpusFileWriter {
  /// Tokens that lie together in the file and are written at once; of documents an eighth.
  static let chunkElements = 1 << 16

  private let tokens: ExtendableDataset<UInt32>
  private let documents: ExtendableDataset<UInt64>
  private var pendingTokens: [UInt32] = []
  private var pendingDocuments: [UInt64] = []
  /// Where the current document starts.
  private(set) var documentStart = 0

  var tokenCount: Int { tokens.count + pendingTokens.count }
  /// Documents that have ended.
  var documentCount: Int { documents.count + pendingDocuments.count }

  /// - Parameter type: what `/tokens` holds; the caller appends nothing that does not fit.
  /// - Throws: `StorageError.failed`.
  init(_ file: HDF5File, storing type: HDF5ElementType) throws {
    tokens = try file.makeExtendable("/tokens", storing: type, of: UInt32.self, chunkElements: Self.chunkElements)
    documents = try file.makeExtendable(
      "/documents", storing: .uint64, of: UInt64.self, chunkElements: Self.chunkElements / 8)
    pendingTokens.reserveCapacity(2 * Self.chunkElements)
  }

  /// Has `body` append tokens of the current document, about a chunk of them at most.
  func appendTokens(_ body: (inout [UInt32]) throws -> Void) throws {
    try body(&pendingTokens)
    try writeFullChunks()
  }

  /// Appends tokens of the current document.
  func append(_ added: UnsafeBufferPointer<UInt32>) throws {
    var rest = added[...]
    while !rest.isEmpty {
      let part = rest.prefix(max(1, Self.chunkElements - pendingTokens.count))
      pendingTokens.append(contentsOf: UnsafeBufferPointer(rebasing: part))
      rest = rest.dropFirst(part.count)
      try writeFullChunks()
    }
  }

  /// The current document is complete; what comes next is another's.
  func endDocument() throws {
    pendingDocuments.append(UInt64(documentStart))
    documentStart = tokenCount
    try writeFullChunks()
  }

  /// Writes what is left. To be called once, at the end.
  func finish() throws {
    try pendingTokens.withUnsafeBufferPointer { try tokens.append($0) }
    try pendingDocuments.withUnsafeBufferPointer { try documents.append($0) }
    pendingTokens.removeAll()
    pendingDocuments.removeAll()
  }

  private func writeFullChunks() throws {
    if pendingTokens.count >= Self.chunkElements {
      let whole = pendingTokens.count / Self.chunkElements * Self.chunkElements
      try pendingTokens.withUnsafeBufferPointer { try tokens.append(UnsafeBufferPointer(rebasing: $0[..<whole])) }
      pendingTokens.removeFirst(whole)
    }
    if pendingDocuments.count == Self.chunkElements / 8 {
      try pendingDocuments.withUnsafeBufferPointer { try documents.append($0) }
      pendingDocuments.removeAll(keepingCapacity: true)
    }
  }
}

extension HDF5File {
  /// Says what made a corpus's tokens, and takes along the file that defines it where there is one.
  ///
  /// - Throws: `StorageError.failed`.
  func setTokenizer(_ name: String, _ definition: TokenizerFile?) throws {
    try setAttribute("tokenizer", to: name)
    guard let definition else { return }
    try setAttribute("tokenizer_sha256", to: definition.sha256)
    try write("/tokenizer", definition.bytes)
  }
}
