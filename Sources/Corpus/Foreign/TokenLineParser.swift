/// Reads one line of JSON as a list of tokens: `[1, 2]`, or an object with such a list in one of some fields.
///
/// What else an object has must be JSON and is passed over; its strings' escapes and encoding are not looked at.
struct TokenLineParser {
  struct Failure: Error {
    /// In the line, from 0.
    var position: Int
    var message: String
  }

  private static let depthLimit = 128

  private let bytes: UnsafeBufferPointer<UInt8>
  private let fields: [String]
  private var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>, fields: [String]) {
    self.bytes = bytes
    self.fields = fields
  }

  /// Appends the list.
  mutating func parse(into tokens: inout [UInt32]) throws(Failure) {
    skipSpace()
    switch peek {
    case UInt8(ascii: "["): try list(into: &tokens)
    case UInt8(ascii: "{"): try object(into: &tokens)
    default: throw failure("expected a list of tokens, or an object with a field \(names)")
    }
    skipSpace()
    if peek != nil { throw failure("expected the line's end") }
  }

  private var names: String { fields.map { "\"\($0)\"" }.joined(separator: " or ") }

  private mutating func object(into tokens: inout [UInt32]) throws(Failure) {
    var found: String?
    try members { parser, name throws(Failure) in
      guard let field = parser.fields.first(where: { name.elementsEqual($0.utf8) }) else {
        return try parser.skipValue(depth: 1)
      }
      if let found {
        throw parser.failure(
          found == field
            ? "the object has \"\(field)\" twice" : "the object has both \(parser.names); say which with --tokens-field"
        )
      }
      found = field
      guard parser.peek == UInt8(ascii: "[") else { throw parser.failure("\"\(field)\" is no list of tokens") }
      try parser.list(into: &tokens)
    }
    if found == nil { throw failure("the object has no field \(names)") }
  }

  private mutating func list(into tokens: inout [UInt32]) throws(Failure) {
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

/// What is passed over.
extension TokenLineParser {
  private mutating func members(
    _ value: (inout TokenLineParser, Slice<UnsafeBufferPointer<UInt8>>) throws(Failure) -> Void
  ) throws(Failure) {
    position += 1
    skipSpace()
    if take("}") { return }
    repeat {
      skipSpace()
      let start = position + 1
      try skipString("a field's name")
      let name = bytes[start..<(position - 1)]
      skipSpace()
      if !take(":") { throw failure("expected \":\"") }
      skipSpace()
      try value(&self, name)
      skipSpace()
    } while take(",")
    if !take("}") { throw failure("expected \",\" or \"}\" in the object") }
  }

  private mutating func skipValue(depth: Int) throws(Failure) {
    guard depth < Self.depthLimit else { throw failure("is nested deeper than \(Self.depthLimit)") }
    switch peek {
    case UInt8(ascii: "\""): try skipString("a text")
    case UInt8(ascii: "{"): try members { parser, _ throws(Failure) in try parser.skipValue(depth: depth + 1) }
    case UInt8(ascii: "["):
      position += 1
      skipSpace()
      if take("]") { return }
      repeat {
        skipSpace()
        try skipValue(depth: depth + 1)
        skipSpace()
      } while take(",")
      if !take("]") { throw failure("expected \",\" or \"]\" in a list") }
    default:
      for word in ["true", "false", "null"] where bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return
      }
      try skipNumber()
    }
  }

  private mutating func skipString(_ what: String) throws(Failure) {
    guard take("\"") else { throw failure("expected \(what)") }
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return
      case 0..<0x20: throw failure("a control character in a text must be escaped")
      case UInt8(ascii: "\\"): position += 2
      default: position += 1
      }
    }
    position = min(position, bytes.count)
    throw failure("the text has no closing quote")
  }

  private mutating func skipNumber() throws(Failure) {
    let start = position
    _ = take("-")
    if !take("0") { try skipDigits(start) }
    if take(".") { try skipDigits(start) }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try skipDigits(start)
    }
  }

  private mutating func skipDigits(_ start: Int) throws(Failure) {
    let first = position
    while let digit = peek, isDigit(digit) { position += 1 }
    if position == first { throw failure("expected a value", at: start) }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    if peek != UInt8(ascii: character) { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0d { position += 1 }
  }

  private func failure(_ message: String, at place: Int? = nil) -> Failure {
    Failure(position: place ?? position, message: message)
  }
}
