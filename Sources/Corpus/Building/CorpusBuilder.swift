import Foundation
import Storage

/// Tokenizes text files into a corpus.
///
/// Reads and writes block by block, so memory does not grow with the text, except for a document that the tokenizer
/// must encode in one piece. The corpus does not depend on the number of threads.
public struct CorpusBuilder: Sendable {
  public struct Progress: Sendable {
    public var bytesRead = 0
    /// The size of all inputs; pipes count as 0.
    public var totalBytes = 0
    public var tokens = 0
    public var documents = 0
  }

  private let tokenizer: any Tokenizer
  private let documentSeparator: String?
  private let threads: Int
  private let format: String?

  /// - Parameters:
  ///   - documentSeparator: the line, without its newline, that separates the documents of a plain text file. Without it
  ///     each file is one document. A line of a JSON lines file is always a document.
  ///   - threads: the number of threads that tokenize.
  ///   - format: one of ``DocumentFormats/options``; nil to recognize the format of each file by its content.
  public init(tokenizer: any Tokenizer, documentSeparator: String? = nil, threads: Int = 1, format: String? = nil) {
    precondition(threads >= 1)
    precondition(documentSeparator?.utf8.contains(UInt8(ascii: "\n")) != true, "a separator is one line")
    self.tokenizer = tokenizer
    self.documentSeparator = documentSeparator
    self.threads = threads
    self.format = format
  }

  /// Builds the corpus `output` from `inputs`, in order. The file appears under that name only when it is complete.
  ///
  /// - Parameter report: called after each block of about a mebibyte.
  /// - Returns: the final counts.
  /// - Throws: `StorageError`: `.missing` for an input that does not exist, `.damaged` for a compressed one;
  ///   `InvalidFileError` if an input has wrong content, if it is not UTF-8 but the tokenizer needs UTF-8, or if the
  ///   inputs have no document; `InputFormatError` for JSON that is not JSON lines.
  public func build(
    _ inputs: [String], output: String, report: (Progress) throws -> Void = { _ in }
  ) throws -> Progress {
    var progress = Progress(totalBytes: try InputFiles.byteCount(of: inputs, output: output))
    return try WholeFile.write(to: output) { temporaryPath in
      let file = try HDF5File.create(temporaryPath)
      let writer = try CorpusWriter(file, tokenizer: tokenizer, threads: threads)
      for input in inputs {
        let text = TextInput(
          path: input, documentSeparator: documentSeparator, needsUTF8: tokenizer.needsUTF8, format: format)
        try text.read(into: writer) { bytes in
          progress.bytesRead += bytes
          progress.tokens = writer.tokenCount
          progress.documents = writer.documentCount
          try report(progress)
        }
      }
      try writer.finish()
      guard writer.tokenCount > 0 else { throw InvalidFileError(output, "the inputs contain no document") }
      try file.close()
      progress.tokens = writer.tokenCount
      progress.documents = writer.documentCount
      return progress
    }
  }
}
