import Foundation
import Storage

/// Makes a corpus of text files, reading and writing as it goes: memory does not grow with the text.
public struct CorpusBuilder: Sendable {
  public struct Progress: Sendable {
    public var bytesRead = 0
    /// Of all inputs; pipes count nothing.
    public var totalBytes = 0
    public var tokens = 0
    public var documents = 0
  }

  private let tokenizer: any Tokenizer
  private let documentSeparator: String?

  /// - Parameter documentSeparator: a line, without its newline, that separates the documents of a text file. Without
  ///   it each file is one document. Files called `.jsonl` hold one a line either way.
  public init(tokenizer: any Tokenizer, documentSeparator: String? = nil) {
    precondition(documentSeparator?.utf8.contains(UInt8(ascii: "\n")) != true, "a separator is one line")
    self.tokenizer = tokenizer
    self.documentSeparator = documentSeparator
  }

  /// Builds the corpus `output` of the files `inputs`, in their order. Nothing has that name before it is whole.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the counts at the end.
  /// - Throws: `StorageError`, `.missing` for an input that is not there; `CorpusError` for one that is no text of its
  ///   kind, or where there is no document at all.
  public func build(
    _ inputs: [String], output: String, report: (Progress) throws -> Void = { _ in }
  ) throws -> Progress {
    var progress = Progress(totalBytes: try InputFiles.byteCount(of: inputs, output: output))
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      let writer = try CorpusWriter(file, tokenizer: tokenizer)
      for input in inputs {
        try read(input, with: reader(for: input), into: writer, &progress, report)
      }
      try writer.finish()
      guard writer.tokenCount > 0 else { throw CorpusError(output, "there is no document in the inputs") }
      try file.close()
      progress.tokens = writer.tokenCount
      progress.documents = writer.documentCount
      return progress
    }
  }

  private func reader(for input: String) -> any DocumentReader {
    if input.lowercased().hasSuffix(".jsonl") { return JSONLinesReader(path: input) }
    if let documentSeparator { return SeparatedDocumentReader(separator: documentSeparator) }
    return WholeFileReader()
  }

  private func read(
    _ input: String, with reader: some DocumentReader, into writer: CorpusWriter, _ progress: inout Progress,
    _ report: (Progress) throws -> Void
  ) throws {
    var reader = reader
    let bytes = try ByteReader(input)
    try bytes.forEachBlock { block in
      try reader.read(block, into: writer)
      progress.bytesRead += block.count
      progress.tokens = writer.tokenCount
      progress.documents = writer.documentCount
      try report(progress)
    }
    try reader.finish(into: writer)
  }
}

/// Tokenizes documents as they come and appends them to the corpus.
private final class CorpusWriter: DocumentConsumer {
  private var tokenizer: any Tokenizer
  private let file: CorpusFileWriter

  var tokenCount: Int { file.tokenCount }
  var documentCount: Int { file.documentCount }

  init(_ file: HDF5File, tokenizer: any Tokenizer) throws {
    self.tokenizer = tokenizer
    try file.setAttribute("vocab_size", to: tokenizer.vocabularySize)
    try file.setAttribute("eos_token_id", to: Int(tokenizer.endOfDocument))
    try file.setAttribute("tokenizer", to: tokenizer.name)
    if let sha256 = tokenizer.sha256 { try file.setAttribute("tokenizer_sha256", to: sha256) }
    self.file = try CorpusFileWriter(file, storing: tokenizer.elementType)
  }

  func add(_ piece: UnsafeRawBufferPointer) throws {
    for start in stride(from: 0, to: piece.count, by: CorpusFileWriter.chunkElements) {
      let end = min(piece.count, start + CorpusFileWriter.chunkElements)
      try file.appendTokens { try tokenizer.encode(UnsafeRawBufferPointer(rebasing: piece[start..<end]), into: &$0) }
    }
  }

  func endDocument() throws {
    try file.appendTokens { try tokenizer.endDocument(into: &$0) }
    try file.endDocument()
  }

  func finish() throws {
    try file.finish()
  }
}
