import Text

/// A syntax error in JSON, with its position.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// What was found and what was expected.
  public let message: String
  /// Counted from 1.
  public let line: Int
  /// In characters (Unicode scalars), counted from 1.
  public let column: Int

  public var description: String { "line \(line), column \(column): \(message)" }
}

extension JSONValue {
  /// The accepted syntax.
  public enum Dialect: Sendable {
    /// Exactly RFC 8259: no comments, trailing commas or NaN. A name that occurs twice in an object is an error. For files
    /// that people write.
    case strict
    /// As in Python: `NaN`, `Infinity` and `-Infinity` are numbers, and of two equal names the last counts. For files that
    /// programs write.
    case python
  }

  /// Parses one JSON value. Nesting deeper than 128 and numbers beyond the range of `Double` are errors.
  ///
  /// - Throws: ``JSONError``.
  public init(parsing text: String, as dialect: Dialect = .strict) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), as: dialect)
  }

  /// Parses one JSON value from UTF-8.
  ///
  /// - Throws: ``JSONError``, also if the bytes are not UTF-8.
  public init(parsing bytes: [UInt8], as dialect: Dialect = .strict) throws(JSONError) {
    var parser = JSONParser(bytes: bytes, dialect: dialect)
    self = try parser.document()
  }
}

private func byte(_ character: Unicode.Scalar) -> UInt8 { UInt8(truncatingIfNeeded: character.value) }

private func isDigit(_ character: UInt8) -> Bool { (byte("0")...byte("9")).contains(character) }

/// A recursive descent parser.
private struct JSONParser {
  static let depthLimit = 128
  let bytes: [UInt8]
  let dialect: JSONValue.Dialect
  var position = 0

  init(bytes: [UInt8], dialect: JSONValue.Dialect) {
    self.bytes = bytes
    self.dialect = dialect
    if bytes.starts(with: ByteOrderMark.utf8) { position = ByteOrderMark.utf8.count }
  }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value(depth: 0)
    skipWhitespace()
    if position < bytes.count { throw error("expected the end of the text, found \(found)") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipWhitespace()
    if depth > JSONParser.depthLimit { throw error("values are nested deeper than \(JSONParser.depthLimit)") }
    switch peek {
    case byte("{"): return try object(depth: depth)
    case byte("["): return try array(depth: depth)
    case byte("\""): return .string(try string())
    case byte("N") where dialect == .python: return try word("NaN", .number(.nan))
    case byte("I") where dialect == .python: return try word("Infinity", .number(.infinity))
    case byte("-") where dialect == .python && bytes[position...].starts(with: "-Infinity".utf8):
      return try word("-Infinity", .number(-.infinity))
    case let next? where next == byte("-") || isDigit(next): return try number()
    case byte("t"): return try word("true", .bool(true))
    case byte("f"): return try word("false", .bool(false))
    case byte("n"): return try word("null", .null)
    default: throw error("expected a value, found \(found)")
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var fields: [JSONValue.Field] = []
    var places: [[UInt8]: Int] = [:]
    skipWhitespace()
    if take("}") { return .object(JSONValue.Object()) }
    repeat {
      skipWhitespace()
      if peek != byte("\"") { throw error("expected a name in quotes, found \(found)") }
      let start = position
      let name = try string()
      let known = places.updateValue(fields.count, forKey: Array(name.utf8))
      if known != nil && dialect == .strict {
        throw error("the name \(quoted(name)) occurs twice in one object: remove one", at: start)
      }
      skipWhitespace()
      if !take(":") { throw error("expected \":\" after the name \(quoted(name)), found \(found)") }
      let value = try value(depth: depth + 1)
      if let known {
        places[Array(name.utf8)] = known
        fields[known].value = value
      } else {
        fields.append(JSONValue.Field(name: name, value: value))
      }
      skipWhitespace()
    } while take(",")
    if !take("}") { throw error("expected \",\" or \"}\" in an object, found \(found)") }
    return .object(JSONValue.Object(distinct: fields))
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var values: [JSONValue] = []
    skipWhitespace()
    if take("]") { return .array([]) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipWhitespace()
    } while take(",")
    if !take("]") { throw error("expected \",\" or \"]\" in a list, found \(found)") }
    return .array(values)
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
    if !bytes[position...].starts(with: word.utf8) { throw error("expected a value, found \(found)") }
    position += word.utf8.count
    return value
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") {
      isInteger = false
      try digits()
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw error("the number \(quoted(text)) is beyond the range of a double", at: start)
    }
    return .number(number)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let next = peek, isDigit(next) { position += 1 }
    if position == start { throw error("expected a digit, found \(found)") }
  }

  private mutating func string() throws(JSONError) -> String {
    let open = position
    position += 1
    var content: [UInt8] = []
    while let next = peek {
      position += 1
      switch next {
      case byte("\""):
        guard let string = String(validating: content, as: UTF8.self) else {
          let invalid = open + (UTF8Check.firstInvalid(in: bytes[open..<position]) ?? 0)
          throw error("the byte \(escaped([bytes[invalid]])) is not UTF-8", at: invalid)
        }
        return string
      case byte("\\"): content += String(try escape()).utf8
      case 0..<0x20: throw error("a control character in a string must be escaped", at: position - 1)
      default: content.append(next)
      }
    }
    throw error("the string has no closing quote", at: open)
  }

  /// Parses the escape sequence whose backslash was just read.
  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position - 1
    do {
      let (scalar, byteCount) = try JSONEscape.decode { start + $0 < bytes.count ? bytes[start + $0] : nil }
      position = start + byteCount
      return scalar
    } catch {
      throw self.error(error.message, at: error.isEnd ? bytes.count : start)
    }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    if peek != byte(character) { return false }
    position += 1
    return true
  }

  private mutating func skipWhitespace() {
    while let next = peek, next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { position += 1 }
  }

  /// The character at the current position, for a message.
  private var found: String {
    if position >= bytes.count { return "the end of the text" }
    let rest = String(decoding: bytes[position..<min(bytes.count, position + 4)], as: UTF8.self)
    return rest.unicodeScalars.first.map { quoted(String($0)) } ?? "nothing"
  }

  private func error(_ message: String, at place: Int? = nil) -> JSONError {
    let before = bytes[..<(place ?? position)]
    let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? (bytes.starts(with: ByteOrderMark.utf8) ? 3 : 0)
    let column = before[min(lineStart, before.endIndex)...].count { $0 & 0xc0 != 0x80 } + 1
    return JSONError(message: message, line: before.count { $0 == 0x0a } + 1, column: column)
  }
}
