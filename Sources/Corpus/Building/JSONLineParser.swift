import JSON

/// Parses selected fields of a line of JSON without building values.
///
/// Other fields must be JSON and are skipped. The escapes and the encoding of skipped strings are not checked, and NaN,
/// Infinity and -Infinity are accepted as numbers, as Python writes them.
struct JSONLineParser {
  struct Failure: Error {
    /// The offset in the line.
    var position: Int
    var message: String
    /// Whether the line may be valid JSON but is nested too deeply for this parser.
    var isTooDeep = false
  }

  private static let depthLimit = 128

  let bytes: UnsafeBufferPointer<UInt8>
  var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
  }

  /// Parses an object and calls `value` at the beginning of each field's value. `value` must advance to its end.
  mutating func members(
    _ value: (inout JSONLineParser, _ name: Slice<UnsafeBufferPointer<UInt8>>) throws(Failure) -> Void
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

  /// Whether a field's name, which may have escapes, is `field`.
  func isName(_ name: Slice<UnsafeBufferPointer<UInt8>>, _ field: String) -> Bool {
    if name.elementsEqual(field.utf8) { return true }
    guard name.contains(UInt8(ascii: "\\")) else { return false }
    var (parser, decoded): (JSONLineParser, [UInt8]) = (self, [])
    parser.position = name.startIndex - 1
    return (try? parser.string(into: &decoded)) != nil && decoded.elementsEqual(field.utf8)
  }

  /// Checks that only spaces follow.
  mutating func end() throws(Failure) {
    skipSpace()
    if peek != nil { throw failure("expected the end of the line") }
  }

  mutating func skipValue(depth: Int) throws(Failure) {
    guard depth < Self.depthLimit else {
      throw Failure(
        position: position, message: "values are nested deeper than \(Self.depthLimit)", isTooDeep: true)
    }
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
    case UInt8(ascii: "t"): try skipWord("true")
    case UInt8(ascii: "f"): try skipWord("false")
    case UInt8(ascii: "n"): try skipWord("null")
    case UInt8(ascii: "N"): try skipWord("NaN")
    case UInt8(ascii: "I"): try skipWord("Infinity")
    case UInt8(ascii: "-") where bytes[(position + 1)...].first == UInt8(ascii: "I"): try skipWord("-Infinity")
    default: try skipNumber()
    }
  }

  private mutating func skipWord(_ word: String) throws(Failure) {
    guard bytes[position...].starts(with: word.utf8) else { throw failure("expected a value") }
    position += word.utf8.count
  }

  /// Describes the value at the current position, for an error message.
  var described: String {
    switch peek {
    case UInt8(ascii: "\""): "a string"
    case UInt8(ascii: "{"): "an object"
    case UInt8(ascii: "["): "a list"
    case UInt8(ascii: "t"): "true"
    case UInt8(ascii: "f"): "false"
    case UInt8(ascii: "n"): "null"
    default: "a number"
    }
  }
}

// Strings.
extension JSONLineParser {
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

  /// Appends the bytes of the string that begins at the current position.
  ///
  /// - Precondition: the current character is a quote.
  mutating func string(into text: inout [UInt8]) throws(Failure) {
    let open = position
    position += 1
    var copied = position
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<position]))
        position += 1
        return
      case 0..<0x20: throw failure("a control character in a text must be escaped")
      case UInt8(ascii: "\\"):
        text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[copied..<position]))
        text.append(contentsOf: String(try escape()).utf8)
        copied = position
      default: position += 1
      }
    }
    throw failure("the text has no closing quote", at: open)
  }

  /// Parses the escape sequence at the current position.
  private mutating func escape() throws(Failure) -> Unicode.Scalar {
    let start = position
    do {
      let (scalar, byteCount) = try JSONEscape.decode { start + $0 < bytes.count ? bytes[start + $0] : nil }
      position = start + byteCount
      return scalar
    } catch {
      throw failure(error.message, at: error.isEnd ? bytes.count : start)
    }
  }
}

// Characters.
extension JSONLineParser {
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

  @inline(__always)
  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  @inline(__always)
  func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  @inline(__always)
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    if peek != UInt8(ascii: character) { return false }
    position += 1
    return true
  }

  @inline(__always)
  mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0d { position += 1 }
  }

  func failure(_ message: String, at place: Int? = nil) -> Failure {
    Failure(position: place ?? position, message: message)
  }

  /// The column of a position: in characters (Unicode scalars), from 1.
  func column(of position: Int) -> Int { bytes[..<position].count { $0 & 0xc0 != 0x80 } + 1 }
}
