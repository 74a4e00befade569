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

  /// - Parameters:
  ///   - documentSeparator: a line, without its newline, that separates the documents of a text file. Without it each
  ///     file is one document. Files called `.jsonl` hold one a line either way.
  ///   - threads: that tokenize.
  public init(tokenizer: any Tokenizer, documentSeparator: String? = nil, threads: Int = 1) {
    precondition(threads >= 1)
    self.threads = threads
    precondition(documentSeparator?.utf8.contains(UInt8(ascii: "\n")) != true, "a separator is one line")
    self.tokenizer = tokenizer
    self.documentSeparator = documentSeparator
  }

  /// Builds the corpus `output` of the files `inputs`, in their order. Nothing has that name before it is whole.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the counts at the end.
  /// - Throws: `StorageError`, `.missing` for an input that is not there; `CorpusError` for one that is no text of its
  ///   kind or, where the tokenizer needs it, not UTF-8, or where there is no document at all.
  public func build(
    _ inputs: [String], output: String, report: (Progress) throws -> Void = { _ in }
  ) throws -> Progress {
    var progress = Progress(totalBytes: try InputFiles.byteCount(of: inputs, output: output))
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      let writer = try CorpusWriter(file, tokenizer: tokenizer, threads: threads)
      for input in inputs {
        let text = TextInput(path: input, documentSeparator: documentSeparator, needsUTF8: tokenizer.needsUTF8)
        try text.read(into: writer) { bytes in
          progress.bytesRead += bytes
          progress.tokens = writer.tokenCount
          progress.documents = writer.documentCount
          try report(progress)
        }
      }
      try writer.finish()
      guard writer.tokenCount > 0 else { throw CorpusError(output, "there is no document in the inputs") }
      try file.close()
      progress.tokens = writer.tokenCount
      progress.documents = writer.documentCount
      return progress
    }
  }
}
