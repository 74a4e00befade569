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
    var progress = Progress()
    let outputStatus = try? FileStatus(output)
    for input in inputs {
      let status = try FileStatus(input)
      if status.isFolder { throw StorageError(.failed, input, "is a folder; name files") }
      if let outputStatus, (outputStatus.device, outputStatus.file) == (status.device, status.file) {
        throw StorageError(.failed, output, "is an input as well as the output; name another output")
      }
      progress.totalBytes += status.isRegularFile ? status.size : 0
    }
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

/// Tokenizes documents as they come and appends them to `/tokens` and `/documents`.
private final class CorpusWriter: DocumentConsumer {
  /// Tokens, and documents, that lie together in the file and are written at once.
  private static let chunkElements = 1 << 16

  private var tokenizer: any Tokenizer
  private let tokens: ExtendableDataset<UInt32>
  private let documents: ExtendableDataset<UInt64>
  private var pendingTokens: [UInt32] = []
  private var pendingDocuments: [UInt64] = []
  private var documentStart = 0

  var tokenCount: Int { tokens.count + pendingTokens.count }
  var documentCount: Int { documents.count + pendingDocuments.count }

  init(_ file: HDF5File, tokenizer: any Tokenizer) throws {
    self.tokenizer = tokenizer
    try file.setAttribute("vocab_size", to: tokenizer.vocabularySize)
    try file.setAttribute("eos_token_id", to: Int(tokenizer.endOfDocument))
    try file.setAttribute("tokenizer", to: tokenizer.name)
    if let sha256 = tokenizer.sha256 { try file.setAttribute("tokenizer_sha256", to: sha256) }
    tokens = try file.makeExtendable(
      "/tokens", storing: tokenizer.elementType, of: UInt32.self, chunkElements: Self.chunkElements)
    documents = try file.makeExtendable(
      "/documents", storing: .uint64, of: UInt64.self, chunkElements: Self.chunkElements / 8)
  }

  func add(_ piece: UnsafeRawBufferPointer) throws {
    for start in stride(from: 0, to: piece.count, by: Self.chunkElements) {
      let end = min(piece.count, start + Self.chunkElements)
      try tokenizer.encode(UnsafeRawBufferPointer(rebasing: piece[start..<end]), into: &pendingTokens)
      try writeFullChunks()
    }
  }

  func endDocument() throws {
    try tokenizer.endDocument(into: &pendingTokens)
    pendingDocuments.append(UInt64(documentStart))
    documentStart = tokenCount
    try writeFullChunks()
  }

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
