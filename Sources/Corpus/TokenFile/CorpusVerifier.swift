import Storage

/// Reads and checks a whole corpus.
public struct CorpusVerifier: Sendable {
  public struct Report: Sendable, Equatable {
    public var tokens: Int
    public var documents: Int?
    public var largestToken: Int
    /// The vocabulary size that the tokens were checked against; nil if it is unknown.
    public var vocabularySize: Int?
    /// ``TokenFile/capacityWarning``.
    public var warning: String?
  }

  private let vocabularySize: Int?

  /// - Parameter vocabularySize: overrides the corpus's own `vocab_size`.
  public init(vocabularySize: Int? = nil) {
    self.vocabularySize = vocabularySize
  }

  /// Checks that every token can be read and is in the vocabulary, as is the end-of-document token, and that the document
  /// starts ascend from 0 within the corpus.
  ///
  /// - Parameter report: receives the number of tokens read so far.
  /// - Throws: `InvalidFileError` with the first wrong position; `StorageError`.
  public func verify(_ file: TokenFile, report: (Int) throws -> Void = { _ in }) throws -> Report {
    let limit = vocabularySize ?? file.vocabularySize
    if let limit, let end = file.endOfDocument, end >= limit {
      throw InvalidFileError(file.path, "eos_token_id is \(end), the vocabulary has \(limit) tokens")
    }
    var largest: UInt32 = 0
    try forEachBlock(of: file.tokens, as: UInt32.self) { start, block in
      let blockLargest = block.reduce(0) { max($0, $1) }
      if let limit, Int(blockLargest) >= limit, let index = block.firstIndex(where: { Int($0) >= limit }) {
        throw InvalidFileError(
          file.path, "the token at position \(start + index) is \(block[index]), the vocabulary has \(limit) tokens")
      }
      largest = max(largest, blockLargest)
      try report(start + block.count)
    }
    try verifyDocuments(of: file)
    return Report(
      tokens: file.tokenCount, documents: file.documentCount, largestToken: Int(largest), vocabularySize: limit,
      warning: file.capacityWarning)
  }

  private func verifyDocuments(of file: TokenFile) throws {
    guard let documents = file.documents else { return }
    var last: Int64 = 0
    try forEachBlock(of: documents, as: Int64.self) { start, block in
      for (index, document) in block.enumerated() {
        let number = start + index
        if number == 0 && document != 0 {
          throw InvalidFileError(file.path, "document 0 starts at position \(document), expected 0")
        }
        guard document >= last else {
          throw InvalidFileError(
            file.path, "document \(number) starts at position \(document), before the previous one at \(last)")
        }
        guard document <= file.tokenCount else {
          throw InvalidFileError(
            file.path, "document \(number) starts at position \(document), the corpus has \(file.tokenCount) tokens")
        }
        last = document
      }
    }
  }

  private func forEachBlock<Element: HDF5Element>(
    of dataset: HDF5Dataset, as: Element.Type, _ body: (Int, UnsafeBufferPointer<Element>) throws -> Void
  ) throws {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: min(dataset.elementCount, 1 << 20))
    defer { buffer.deallocate() }
    for start in stride(from: 0, to: dataset.elementCount, by: 1 << 20) {
      let part = UnsafeMutableBufferPointer(rebasing: buffer[..<min(buffer.count, dataset.elementCount - start)])
      try dataset.read(from: start, into: part)
      try body(start, UnsafeBufferPointer(part))
    }
  }
}
