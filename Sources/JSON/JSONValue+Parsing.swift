/// What is wrong with a text that should be JSON, and where.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// What was found, and what was expected.
  public let message: String
  /// Counted from 1.
  public let line: Int
  /// In characters (Unicode scalars), counted from 1.
  public let column: Int

  public var description: String { "line \(line), column \(column): \(message)" }
}

extension JSONValue {
  /// Reads one JSON value as RFC 8259 has it, no more: no comments, no trailing commas, no NaN. A name that occurs
  /// twice in an object is an error, and so are values nested deeper than 128 and numbers beyond a `Double`'s range.
  ///
  /// - Throws: ``JSONError``.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }

  /// Reads one JSON value from UTF-8.
  ///
  /// - Throws: ``JSONError``, also where the bytes are not UTF-8.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }
}

private func byte(_ character: Unicode.Scalar) -> UInt8 { UInt8(truncatingIfNeeded: character.value) }

private func isDigit(_ character: UInt8) -> Bool { (byte("0")...byte("9")).contains(character) }

/// Recursive descent over the bytes.
private struct JSONParser {
  static let depthLimit = 128
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
    // A byte-order mark is tolerated: some editors leave one.
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
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
    var names: Set<[UInt8]> = []
    skipWhitespace()
    if take("}") { return .object(JSONValue.Object()) }
    repeat {
      skipWhitespace()
      if peek != byte("\"") { throw error("expected a name in quotes, found \(found)") }
      let start = position
      let name = try string()
      if !names.insert(Array(name.utf8)).inserted {
        throw error("the name \(quoted(name)) stands twice in one object: remove one", at: start)
      }
      skipWhitespace()
      if !take(":") { throw error("expected \":\" after the name \(quoted(name)), found \(found)") }
      fields.append(JSONValue.Field(name: name, value: try value(depth: depth + 1)))
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
          throw error("the string is not UTF-8", at: open)
        }
        return string
      case byte("\\"): content += String(try escape()).utf8
      case 0..<0x20: throw error("a control character in a string must be escaped", at: position - 1)
      default: content.append(next)
      }
    }
    throw error("the string has no closing quote", at: open)
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position - 1
    guard let letter = peek else { throw error("the text ends in a string") }
    position += 1
    switch letter {
    case byte("\""), byte("\\"), byte("/"): return Unicode.Scalar(letter)
    case byte("b"): return "\u{8}"
    case byte("f"): return "\u{c}"
    case byte("n"): return "\n"
    case byte("r"): return "\r"
    case byte("t"): return "\t"
    case byte("u"):
      var code = try fourDigits(from: start)
      if (0xd800..<0xdc00).contains(code), take("\\"), take("u") {
        let low = try fourDigits(from: start)
        if (0xdc00..<0xe000).contains(low) { code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00) }
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair", at: start) }
      return scalar
    default: throw error("an escape that JSON does not know", at: start)
    }
  }

  private mutating func fourDigits(from start: Int) throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let next = peek, let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
        throw error("\\u needs four hexadecimal digits", at: start)
      }
      code = code << 4 + UInt32(digit)
      position += 1
    }
    return code
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

  /// The character here, for a message.
  private var found: String {
    if position >= bytes.count { return "the end of the text" }
    let rest = String(decoding: bytes[position..<min(bytes.count, position + 4)], as: UTF8.self)
    return rest.unicodeScalars.first.map { quoted(String($0)) } ?? "nothing"
  }

  private func error(_ message: String, at place: Int? = nil) -> JSONError {
    let before = bytes[..<(place ?? position)]
    let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? (bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0)
    let column = before[min(lineStart, before.endIndex)...].count { $0 & 0xc0 != 0x80 } + 1
    return JSONError(message: message, line: before.count { $0 == 0x0a } + 1, column: column)
  }
}
