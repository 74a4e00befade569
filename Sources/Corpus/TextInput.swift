import Storage
import Tokenizers

/// A file of text, read into what takes its documents.
struct TextInput {
  let path: String
  let documentSeparator: String?
  let needsUTF8: Bool

  /// Reads the file from its beginning to its end.
  ///
  /// - Parameter report: called with the bytes of each block.
  /// - Throws: `StorageError`; `CorpusError` for what is no text of its kind or, where it must be, not UTF-8.
  func read(into consumer: some DocumentConsumer, report: (_ bytes: Int) throws -> Void) throws {
    if path.lowercased().hasSuffix(".jsonl") {
      // What the lines hold is looked at when it comes out of them.
      try read(with: JSONLinesReader(path: path), checking: false, into: consumer, report)
    } else if let documentSeparator {
      try read(
        with: SeparatedDocumentReader(separator: documentSeparator), checking: needsUTF8, into: consumer, report)
    } else {
      try read(with: WholeFileReader(), checking: needsUTF8, into: consumer, report)
    }
  }

  private func read(
    with reader: some DocumentReader, checking: Bool, into consumer: some DocumentConsumer,
    _ report: (Int) throws -> Void
  ) throws {
    var reader = reader
    var check = checking ? UTF8Check() : nil
    try ByteReader(path).forEachBlock { block in
      if let offset = check?.firstInvalid(block) { throw notUTF8(offset) }
      try reader.read(block, into: consumer)
      try report(block.count)
    }
    if let offset = check?.unfinished { throw notUTF8(offset) }
    try reader.finish(into: consumer)
  }

  private func notUTF8(_ offset: Int) -> CorpusError {
    CorpusError(
      path, "is not UTF-8 at byte \(offset): convert it (iconv -t UTF-8); only the tokenizer 'bytes' takes any file")
  }
}
