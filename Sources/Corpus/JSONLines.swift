import Storage
import Text

/// A line of JSON, an object whose field `text` is a document.
struct JSONLine {
  let bytes: UnsafeBufferPointer<UInt8>
  /// Counted from 1.
  let number: Int
  /// Of its first byte in the file.
  let offset: Int
  /// The file that it is from.
  let path: String

  /// Appends the document, UTF-8, to `document`. Of a field that is there twice, the last one counts.
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
  /// Reads the line, an object, and finds a field's last value.
  ///
  /// - Returns: where the value begins; nil where there is no such field.
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

/// A document a line: JSON objects whose field `text` is the document. Blank lines are skipped. Memory is that of the
/// longest line.
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
