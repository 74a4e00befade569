import Storage
import Text

/// JSON lines: each line is an object whose field `text` is a document. Blank lines are skipped.
struct JSONLinesFormat: DocumentFormat {
  let option = "text"

  func recognizes(_ input: TextInput, start: UnsafeRawBufferPointer) throws -> Bool {
    let name = input.path.lowercased()
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") { return true }
    guard input.format == nil else { return false }
    if name.hasSuffix(".json") {
      if Self.beginning(of: start) != .other { return true }
      throw InputFormatError(
        input.path,
        "is named .json but does not contain JSON lines: write one object a line, {\"text\": \"…\"} (jq -c does), or "
          + "rename it to .txt to read it as plain text")
    }
    guard input.documentSeparator == nil else { return false }
    switch Self.beginning(of: start) {
    case .document: return true
    case .object:
      throw InputFormatError(
        input.path,
        "its first line is a JSON object without a string \"text\": name the file .jsonl to read it as JSON lines"
          + input.plainTextAdvice)
    case .nothing, .unfinishedObject, .other: return false
    }
  }

  func read(
    _ input: TextInput, from file: BlockReader, into consumer: some DocumentConsumer,
    report: (_ bytes: Int) throws -> Void
  ) throws {
    var reader = JSONLinesReader(path: input.path)
    try file.forEachBlock { block in
      try reader.read(block, into: consumer)
      try report(block.count)
    }
    try reader.finish(into: consumer)
  }

  /// The first line that is not blank.
  private enum Beginning {
    /// All lines are blank.
    case nothing
    /// An object with a string `text`.
    case document
    /// Any other object.
    case object
    /// It begins like an object and continues after the block.
    case unfinishedObject
    case other
  }

  private static func beginning(of block: UnsafeRawBufferPointer) -> Beginning {
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

  /// The first line that is not blank, and whether it ends in the block; nil if all lines are blank.
  private static func firstLine(of block: UnsafeRawBufferPointer) -> (line: [UInt8], isWhole: Bool)? {
    var lines = LineSplitter()
    var first: [UInt8]?
    lines.read(block) { if first == nil && !$0.isBlank { first = Array($0.bytes) } }
    if let first { return (first, true) }
    lines.finish { if !$0.isBlank { first = Array($0.bytes) } }
    return first.map { ($0, block.count < BlockReader.blockBytes) }
  }
}

/// Divides JSON lines into documents. Memory is proportional to the longest line.
struct JSONLinesReader: DocumentReader {
  let path: String
  private var lines = LineSplitter()

  init(path: String) {
    self.path = path
  }

  mutating func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws {
    let path = path
    try lines.read(block) { try Self.add($0, of: path, to: consumer) }
  }

  mutating func finish(into consumer: some DocumentConsumer) throws {
    let path = path
    try lines.finish { try Self.add($0, of: path, to: consumer) }
  }

  private static func add(_ line: LineSplitter.Line, of path: String, to consumer: some DocumentConsumer) throws {
    if line.isBlank { return }
    try consumer.add(JSONLine(bytes: line.bytes, number: line.number, offset: line.offset, path: path))
  }
}

/// One line of a JSON lines file.
struct JSONLine {
  let bytes: UnsafeBufferPointer<UInt8>
  /// Counted from 1.
  let number: Int
  /// The offset of its first byte in the file.
  let offset: Int
  let path: String

  /// Appends the document, UTF-8, to `document`. If the line has several fields `text`, the last one counts.
  ///
  /// - Throws: `InvalidFileError` with the line's number, what is wrong and where.
  func append(to document: inout [UInt8]) throws {
    if let invalid = UTF8Check.firstInvalid(in: bytes) {
      throw InvalidFileError(
        path, "is not UTF-8 at byte \(offset + invalid), in line \(number): convert it (iconv -t UTF-8)")
    }
    var parser = JSONLineParser(bytes)
    do {
      guard let place = try parser.place(of: "text") else {
        parser.position = 0
        parser.skipSpace()
        let isObject = parser.peek == UInt8(ascii: "{")
        throw InvalidFileError(
          path,
          isObject
            ? "line \(number) has no field \"text\""
            : "line \(number) is \(parser.described): expected one JSON object a line, {\"text\": \"…\"}")
      }
      parser.position = place
      guard parser.peek == UInt8(ascii: "\"") else {
        throw InvalidFileError(path, "line \(number): \"text\" is \(parser.described): expected a string")
      }
      try parser.string(into: &document)
    } catch let failure as JSONLineParser.Failure {
      let column = parser.column(of: failure.position)
      throw InvalidFileError(
        path,
        failure.isTooDeep
          ? "line \(number), column \(column): \(failure.message)"
          : "line \(number) is not valid JSON (column \(column): \(failure.message)): expected one object a line, "
            + "{\"text\": \"…\"}")
    }
  }
}

extension JSONLineParser {
  /// Parses the line, an object, and finds the last value of a field.
  ///
  /// - Returns: the position of the value; nil if the object has no such field.
  mutating func place(of field: String) throws(Failure) -> Int? {
    var place: Int?
    skipSpace()
    if peek == UInt8(ascii: "{") {
      try members { parser, name throws(Failure) in
        if parser.isName(name, field) { place = parser.position }
        try parser.skipValue(depth: 1)
      }
    } else {
      try skipValue(depth: 0)
    }
    try end()
    return place
  }
}
