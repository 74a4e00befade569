import Storage
import Tokenizers

/// Appends tokens to `/tokens` and document starts to `/documents` of a new corpus, in whole chunks.
final class CorpusFileWriter {
  /// The number of tokens in a chunk of the file. A chunk of `/documents` has an eighth as many entries.
  static let chunkElements = 1 << 16

  private let tokens: ExtendableDataset<UInt32>
  private let documents: ExtendableDataset<UInt64>
  private var pendingTokens: [UInt32] = []
  private var pendingDocuments: [UInt64] = []
  /// The position at which the current document starts.
  private(set) var documentStart = 0

  var tokenCount: Int { tokens.count + pendingTokens.count }
  /// The number of complete documents.
  var documentCount: Int { documents.count + pendingDocuments.count }

  /// - Parameter type: the element type of `/tokens`; the caller appends only tokens that fit.
  /// - Throws: `StorageError.failed`.
  init(_ file: HDF5File, storing type: HDF5ElementType) throws {
    tokens = try file.makeExtendable("/tokens", storing: type, of: UInt32.self, chunkElements: Self.chunkElements)
    documents = try file.makeExtendable(
      "/documents", storing: .uint64, of: UInt64.self, chunkElements: Self.chunkElements / 8)
    pendingTokens.reserveCapacity(2 * Self.chunkElements)
  }

  /// Lets `body` append tokens of the current document, at most about a chunk.
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

  /// Ends the current document.
  func endDocument() throws {
    pendingDocuments.append(UInt64(documentStart))
    documentStart = tokenCount
    try writeFullChunks()
  }

  /// Writes the remaining tokens and documents. Call once, at the end.
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
  /// Records the tokenizer of a corpus, and stores the file that defines it if there is one.
  ///
  /// - Throws: `StorageError.failed`.
  func setTokenizer(_ name: String, _ definition: TokenizerFile?) throws {
    try setAttribute("tokenizer", to: name)
    guard let definition else { return }
    try setAttribute("tokenizer_sha256", to: definition.sha256)
    try write("/tokenizer", definition.bytes)
  }
}
