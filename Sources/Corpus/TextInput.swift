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
  /// The end of a message: the option that reads the file as plain text; empty where the command has none.
  var plainTextAdvice = ", or pass --format text to read it as plain text"

  /// Reads the file from its beginning to its end. A byte-order mark at the beginning is no part of its text.
  ///
  /// - Parameter report: called with the bytes of each block.
  /// - Throws: `StorageError`; `InvalidFileError` for what is no text of its kind or, where it must be, not UTF-8;
  ///   `InputFormatError` for JSON that is not JSON lines, or is without texts.
  func read(into consumer: some DocumentConsumer, report: (_ bytes: Int) throws -> Void) throws {
    var reader: (any DocumentReader)?
    var check = UTF8Check()
    // Of the blocks before the current one.
    var (bytes, newlines) = (0, 0)
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
      if isChecked {
        if let offset = check.firstInvalid(block) {
          // The offset is before the block where the block before has begun the character.
          let valid = block.prefix(max(0, offset - bytes))
          throw notUTF8(offset, line: newlines + valid.count { $0 == 0x0a } + 1)
        }
        newlines += block.count { $0 == 0x0a }
      }
      bytes += block.count
      try reader?.read(text, into: consumer)
      try report(block.count)
    }
    _ = try begin(UnsafeRawBufferPointer(start: nil, count: 0))
    if isChecked, let offset = check.unfinished { throw notUTF8(offset, line: newlines + 1) }
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
      if JSONLine.beginning(of: block) != .other { return .jsonLines }
      throw InputFormatError(
        path,
        "is called .json and does not hold JSON lines: write one object a line, {\"text\": \"…\"} (jq -c does), or "
          + "call it .txt to read it as plain text")
    }
    if let documentSeparator { return .separated(documentSeparator) }
    guard looksAtContent else { return .whole }
    switch JSONLine.beginning(of: block) {
    case .document: return .jsonLines
    case .object:
      throw InputFormatError(
        path,
        "its first line is a JSON object without a string \"text\": name the file .jsonl to read it as JSON lines"
          + plainTextAdvice)
    case .nothing, .unfinishedObject, .other: return .whole
    }
  }

  private func notUTF8(_ offset: Int, line: Int) -> InvalidFileError {
    InvalidFileError(
      path,
      "is not UTF-8 at byte \(offset), in line \(line): convert it (iconv -t UTF-8); only the tokenizer 'bytes' takes "
        + "any file")
  }
}

extension JSONLine {
  /// What the first line is that is not blank.
  fileprivate enum Beginning {
    /// All lines are blank.
    case nothing
    /// An object with a string `text`.
    case document
    /// Any other object.
    case object
    /// It begins as an object does, and ends behind the block.
    case unfinishedObject
    case other
  }

  fileprivate static func beginning(of block: UnsafeRawBufferPointer) -> Beginning {
    guard let first = firstLine(of: block) else { return .nothing }
    return first.line.withUnsafeBufferPointer { line -> Beginning in
      var parser = JSONLineParser(line)
      parser.skipSpace()
      guard parser.peek == UInt8(ascii: "{") else { return .other }
      guard first.isWhole else { return .unfinishedObject }
      do {
        guard let place = try parser.place(of: "text") else { return .object }
        return line[place] == UInt8(ascii: "\"") ? .document : .object
      } catch {
        return .other
      }
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
