import Foundation
import Storage

/// Makes a corpus of text files, reading and writing as it goes: memory does not grow with the text, apart from a
/// document that the tokenizer must see whole. What is written does not depend on the number of threads.
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
  private let threads: Int
  private let looksAtContent: Bool

  /// - Parameters:
  ///   - documentSeparator: a line, without its newline, that separates the documents of a text file. Without it each
  ///     file is one document. JSON lines hold one a line either way.
  ///   - threads: that tokenize.
  ///   - looksAtContent: whether JSON lines are recognised by a file's content; else by the names `.jsonl` and `.ndjson`
  ///     alone.
  public init(
    tokenizer: any Tokenizer, documentSeparator: String? = nil, threads: Int = 1, looksAtContent: Bool = true
  ) {
    precondition(threads >= 1)
    self.threads = threads
    self.looksAtContent = looksAtContent
    precondition(documentSeparator?.utf8.contains(UInt8(ascii: "\n")) != true, "a separator is one line")
    self.tokenizer = tokenizer
    self.documentSeparator = documentSeparator
  }

  /// Builds the corpus `output` of the files `inputs`, in their order. Nothing has that name before it is whole.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the counts at the end.
  /// - Throws: `StorageError`, `.missing` for an input that is not there, `.damaged` for a compressed one; `InvalidFileError`
  ///   for one that is no text of its kind or, where the tokenizer needs it, not UTF-8, or where there is no document at
  ///   all; `InputFormatError` for JSON that is not JSON lines.
  public func build(
    _ inputs: [String], output: String, report: (Progress) throws -> Void = { _ in }
  ) throws -> Progress {
    var progress = Progress(totalBytes: try InputFiles.byteCount(of: inputs, output: output))
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      let writer = try CorpusWriter(file, tokenizer: tokenizer, threads: threads)
      for input in inputs {
        let text = TextInput(
          path: input, documentSeparator: documentSeparator, needsUTF8: tokenizer.needsUTF8,
          looksAtContent: looksAtContent)
        try text.read(into: writer) { bytes in
          progress.bytesRead += bytes
          progress.tokens = writer.tokenCount
          progress.documents = writer.documentCount
          try report(progress)
        }
      }
      try writer.finish()
      guard writer.tokenCount > 0 else { throw InvalidFileError(output, "there is no document in the inputs") }
      try file.close()
      progress.tokens = writer.tokenCount
      progress.documents = writer.documentCount
      return progress
    }
  }
}
