import Storage
import Text

/// JSON lines in which each line is a document: a list of tokens, or an object with such a list. Blank lines are skipped.
struct TokenLinesFormat: TokenFormat {
  let name = "tokens-jsonl"
  var hasDocuments: Bool { true }
  var usesTokensField: Bool { true }
  var mayBeText: Bool { true }

  func recognition(of file: TokenFileStart) -> Recognition? {
    file.hasExtension([".jsonl", ".ndjson", ".json"]) ? .name : nil
  }

  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource {
    TokenLines(path: path, field: options.tokensField)
  }
}

/// Reads JSON lines of tokens. Memory is proportional to the longest line.
struct TokenLines: TokenSource {
  /// In bytes. A longer line means that the file has no token lists, or has lost its newlines.
  private static let longestLine = 1 << 28

  private let path: String
  private let fields: [String]

  var numbers: TokenNumbers? { nil }

  /// - Parameter field: the field of the objects; nil for `tokens` or `input_ids`, whichever a line has.
  init(path: String, field: String?) {
    self.path = path
    fields = field.map { [$0] } ?? ["tokens", "input_ids"]
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    var lines = LineSplitter()
    var (tokens, lineNumber): ([UInt32], Int) = ([], 1)
    func add(_ line: LineSplitter.Line) throws {
      lineNumber = line.number + 1
      if line.isBlank { return }
      tokens.removeAll(keepingCapacity: true)
      try parse(line, into: &tokens)
      try tokens.withUnsafeBufferPointer {
        try consumer.append($0, of: path) { "line \(line.number), place \($0) of its list" }
      }
      try consumer.endDocument()
    }
    try BlockReader(path).forEachBlock { block in
      try lines.read(block, add)
      guard lines.begunBytes <= Self.longestLine else {
        throw InvalidFileError(
          path, "line \(lineNumber) is longer than \(Self.longestLine) bytes; write one document a line")
      }
      try report(block.count)
    }
    try lines.finish(add)
  }

  private func parse(_ line: LineSplitter.Line, into tokens: inout [UInt32]) throws {
    var parser = TokenLineParser(line.bytes, fields: fields)
    do {
      try parser.parse(into: &tokens)
    } catch {
      throw InvalidFileError(
        path, "line \(line.number), column \(parser.column(of: error.position)): \(error.message)")
    }
  }
}

/// Parses one line of JSON: a list of tokens, `[1, 2]`, or an object with such a list in one of `fields`.
struct TokenLineParser {
  typealias Failure = JSONLineParser.Failure

  private let fields: [String]
  private var json: JSONLineParser

  init(_ bytes: UnsafeBufferPointer<UInt8>, fields: [String]) {
    json = JSONLineParser(bytes)
    self.fields = fields
  }

  /// Appends the list. If the object has a field twice, the last one counts.
  mutating func parse(into tokens: inout [UInt32]) throws(Failure) {
    json.skipSpace()
    switch json.peek {
    case UInt8(ascii: "["): try json.list(into: &tokens)
    case UInt8(ascii: "{"): try object(into: &tokens)
    default: throw json.failure("expected a list of tokens, or an object with a field \(names)")
    }
    try json.end()
  }

  /// The column of a position: in characters, from 1.
  func column(of position: Int) -> Int { json.column(of: position) }

  private var names: String { fields.map { "\"\($0)\"" }.joined(separator: " or ") }

  private mutating func object(into tokens: inout [UInt32]) throws(Failure) {
    let (before, fields) = (tokens.count, fields)
    var found: String?
    // The error for the last value found, if it is not a list.
    var wrong: Failure?
    try json.members { parser, name throws(Failure) in
      guard let field = fields.first(where: { parser.isName(name, $0) }) else {
        return try parser.skipValue(depth: 1)
      }
      if let found, found != field {
        let names = fields.map { "\"\($0)\"" }.joined(separator: " or ")
        throw parser.failure("the object has both \(names); choose one with --tokens-field")
      }
      found = field
      tokens.removeLast(tokens.count - before)
      wrong = parser.peek == UInt8(ascii: "[") ? nil : parser.failure("\"\(field)\" is not a list of tokens")
      if wrong == nil { try parser.list(into: &tokens) } else { try parser.skipValue(depth: 1) }
    }
    if let wrong { throw wrong }
    if found == nil { throw json.failure("the object has no field \(names)") }
  }
}

extension JSONLineParser {
  /// Appends the tokens of the list that begins here.
  fileprivate mutating func list(into tokens: inout [UInt32]) throws(Failure) {
    position += 1
    skipSpace()
    if take("]") { return }
    repeat {
      skipSpace()
      tokens.append(try token())
      skipSpace()
    } while take(",")
    if !take("]") { throw failure("expected \",\" or \"]\" in the list of tokens") }
  }

  private mutating func token() throws(Failure) -> UInt32 {
    let start = position
    var value: UInt64 = 0
    while let digit = peek, isDigit(digit) {
      value = value &* 10 &+ UInt64(digit &- UInt8(ascii: "0"))
      position += 1
      if value > UInt64(UInt32.max) { throw failure("expected a token, 0 to 2^32 - 1", at: start) }
    }
    let isWritten = position == start + 1 || position > start && bytes[start] != UInt8(ascii: "0")
    if !isWritten || [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(peek ?? 0) {
      throw failure("expected a token, 0 to 2^32 - 1, as an integer", at: start)
    }
    return UInt32(truncatingIfNeeded: value)
  }
}
