import Storage
import Text
import Tokenizers

/// A file of text, read into what takes its documents.
struct TextInput {
  let path: String
  let documentSeparator: String?
  let needsUTF8: Bool
  /// Whether JSON lines are recognised by the file's content; else by its name alone.
  var looksAtContent = true

  /// Reads the file from its beginning to its end. A byte-order mark at the beginning is no part of its text.
  ///
  /// - Parameter report: called with the bytes of each block.
  /// - Throws: `StorageError`; `CorpusError` for what is no text of its kind or, where it must be, not UTF-8;
  ///   `InputFormatError` for JSON that is not JSON lines.
  func read(into consumer: some DocumentConsumer, report: (_ bytes: Int) throws -> Void) throws {
    var reader: (any DocumentReader)?
    var check = UTF8Check()
    func begin(_ block: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
      if reader != nil { return block }
      let layout = try layout(beginning: block)
      reader = makeReader(layout)
      // The lines look for the mark themselves.
      return layout == .jsonLines ? block : ByteOrderMark.removed(from: block)
    }
    // What the lines of JSON hold is checked when it comes out of them.
    var isChecked: Bool { needsUTF8 && !(reader is JSONLinesReader) }
    try ByteReader(path).forEachBlock { block in
      let text = try begin(block)
      if isChecked, let offset = check.firstInvalid(block) { throw notUTF8(offset) }
      try reader?.read(text, into: consumer)
      try report(block.count)
    }
    _ = try begin(UnsafeRawBufferPointer(start: nil, count: 0))
    if isChecked, let offset = check.unfinished { throw notUTF8(offset) }
    try reader?.finish(into: consumer)
  }

  private enum Layout: Equatable {
    case jsonLines, whole
    case separated(String)
  }

  private func makeReader(_ layout: Layout) -> any DocumentReader {
    switch layout {
    case .jsonLines: JSONLinesReader(path: path)
    case .separated(let separator): SeparatedDocumentReader(separator: separator)
    case .whole: WholeFileReader()
    }
  }

  /// How the file's documents lie in it, by its name and its first block.
  ///
  /// - Throws: `InputFormatError`.
  private func layout(beginning block: UnsafeRawBufferPointer) throws -> Layout {
    let name = path.lowercased()
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return .jsonLines }
    if looksAtContent && name.hasSuffix(".json") {
      if JSONLine.isObject(beginning: block) { return .jsonLines }
      throw InputFormatError(
        path,
        "is called .json and does not hold JSON lines: write one object a line, {\"text\": \"…\"} (jq -c does), or "
          + "call it .txt to read it as plain text")
    }
    if let documentSeparator { return .separated(documentSeparator) }
    return looksAtContent && JSONLine.isDocument(beginning: block) ? .jsonLines : .whole
  }

  private func notUTF8(_ offset: Int) -> CorpusError {
    CorpusError(
      path, "is not UTF-8 at byte \(offset): convert it (iconv -t UTF-8); only the tokenizer 'bytes' takes any file")
  }
}

extension JSONLine {
  /// Whether a file's first line is a JSON object; true as well where the line is longer than the block and begins as one,
  /// and where there is no line.
  fileprivate static func isObject(beginning block: UnsafeRawBufferPointer) -> Bool {
    guard let first = firstLine(of: block) else { return true }
    return first.line.withUnsafeBufferPointer { line in
      var parser = JSONLineParser(line)
      parser.skipSpace()
      guard parser.peek == UInt8(ascii: "{") else { return false }
      return !first.isWhole || (try? parser.skipValue(depth: 0)) != nil && (try? parser.end()) != nil
    }
  }

  /// Whether a file's first line is a JSON object with a string `text`.
  fileprivate static func isDocument(beginning block: UnsafeRawBufferPointer) -> Bool {
    guard let first = firstLine(of: block), first.isWhole else { return false }
    var document: [UInt8] = []
    return first.line.withUnsafeBufferPointer {
      (try? JSONLine(bytes: $0, number: 1, offset: 0, path: "").append(to: &document)) != nil
    }
  }

  /// The first line that is not blank, and whether its end is in the block; nil where all lines are blank.
  private static func firstLine(of block: UnsafeRawBufferPointer) -> (line: [UInt8], isWhole: Bool)? {
    var lines = LineSplitter()
    var first: [UInt8]?
    lines.read(block) { if first == nil && !$0.isBlank { first = Array($0.bytes) } }
    if let first { return (first, true) }
    lines.finish { if !$0.isBlank { first = Array($0.bytes) } }
    return first.map { ($0, block.count < ByteReader.blockBytes) }
  }
}
