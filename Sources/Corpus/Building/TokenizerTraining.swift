import Storage
import Tokenizers

/// Trains a tokenizer on text files. Memory grows with the number of distinct words.
public struct TokenizerTraining: Sendable {
  private let trainer: BPETrainer
  private let pattern: WordPattern
  private let documentSeparator: String?
  private let threads: Int

  /// - Parameters:
  ///   - documentSeparator: as in ``CorpusBuilder``; separator lines are not part of the text.
  ///   - threads: the number of threads that count words.
  public init(_ trainer: BPETrainer, pattern: WordPattern, documentSeparator: String? = nil, threads: Int = 1) {
    self.trainer = trainer
    self.pattern = pattern
    self.documentSeparator = documentSeparator
    self.threads = threads
  }

  /// Reads all inputs and returns the bytes of a `tokenizer.json`, which depend only on the inputs and their order.
  ///
  /// - Parameter report: receives the number of bytes read so far.
  /// - Throws: `StorageError`, `.missing` for an input that does not exist; `InvalidFileError` for one that is not UTF-8 or
  ///   has wrong content; `InputFormatError` for one that contains tokens.
  public func train(_ inputs: [String], report: (_ bytesRead: Int) throws -> Void = { _ in }) throws -> [UInt8] {
    for input in inputs {
      try TokenFormats.requireText(input, advice: "a tokenizer is trained on text; name the text of these tokens")
    }
    let counter = try WordCounter(pattern, threads: threads)
    var bytesRead = 0
    for input in inputs {
      let text = TextInput(
        path: input, documentSeparator: documentSeparator, needsUTF8: true, plainTextAdvice: "")
      try text.read(into: counter) {
        bytesRead += $0
        try report(bytesRead)
      }
    }
    let counts = try counter.finish()
    guard counts.count > 0 else { throw InvalidFileError(inputs.first ?? "", "the inputs contain no text") }
    return trainer.tokenizer(of: counts, cutWith: pattern)
  }
}

/// Counts the words of documents on several threads.
private final class WordCounter: DocumentConsumer {
  private static let pieceBytes = 1 << 20

  private let work: OrderedWork<[[UInt8]], WordCounts>
  private var counts = WordCounts()
  private var documents: [[UInt8]] = []
  private var document: [UInt8] = []
  private var bytes = 0

  init(_ pattern: WordPattern, threads: Int) throws {
    work = try OrderedWork(threads: threads) {
      { documents in
        var counts = WordCounts()
        for document in documents { try document.withUnsafeBytes { try counts.add($0, pattern) } }
        return counts
      }
    }
  }

  func add(_ piece: UnsafeRawBufferPointer) throws {
    document.append(contentsOf: piece)
    guard document.count >= Self.pieceBytes else { return }
    // Cut at the end of a word, so that both parts have the same words as the whole.
    guard let cut = document.withUnsafeBytes({ BPETokenizer.wordEnd(in: $0) }) else { return }
    let rest = Array(document[cut...])
    document.removeLast(rest.count)
    try endPiece()
    document = rest
  }

  func endDocument() throws { try endPiece() }

  private func endPiece() throws {
    bytes += document.count
    documents.append(document)
    document = []
    if bytes >= Self.pieceBytes { try flush() }
  }

  private func flush() throws {
    try work.submit(documents) { counts.add($0) }
    (documents, bytes) = ([], 0)
  }

  func finish() throws -> WordCounts {
    try flush()
    try work.finish { counts.add($0) }
    return counts
  }
}
