/// A Python literal, limited to those that occur in the headers of `.npy` files.
enum PythonLiteral: Equatable {
  case string(String)
  case integer(Int)
  case boolean(Bool)
  case none
  case tuple([PythonLiteral])
  case list([PythonLiteral])
  case dictionary([Field])

  struct Field: Equatable {
    var name: String
    var value: PythonLiteral
  }

  /// Nil if the bytes are not a literal, or one that `.npy` files do not use, such as strings with escapes or keys that
  /// are not strings.
  init?(parsing bytes: [UInt8]) {
    var parser = PythonLiteralParser(bytes: bytes)
    guard let value = parser.value(depth: 0), parser.isAtEnd else { return nil }
    self = value
  }
}

/// A recursive descent parser. Every function returns nil for unknown syntax.
private struct PythonLiteralParser {
  private static let depthLimit = 8
  let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return position == bytes.count
    }
  }

  mutating func value(depth: Int) -> PythonLiteral? {
    skipSpace()
    guard depth < Self.depthLimit, position < bytes.count else { return nil }
    switch bytes[position] {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "("): return items(until: ")", depth: depth).map { .tuple($0) }
    case UInt8(ascii: "["): return items(until: "]", depth: depth).map { .list($0) }
    case UInt8(ascii: "{"): return dictionary(depth: depth)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return integer()
    default:
      if take("True") { return .boolean(true) }
      if take("False") { return .boolean(false) }
      return take("None") ? PythonLiteral.none : nil
    }
  }

  private mutating func items(until end: String, depth: Int) -> [PythonLiteral]? {
    position += 1
    var items: [PythonLiteral] = []
    while !take(end) {
      guard let item = value(depth: depth + 1) else { return nil }
      items.append(item)
      if !take(",") { return take(end) ? items : nil }
    }
    return items
  }

  private mutating func dictionary(depth: Int) -> PythonLiteral? {
    position += 1
    var fields: [PythonLiteral.Field] = []
    while !take("}") {
      guard case .string(let name) = value(depth: depth + 1), take(":"), let value = value(depth: depth + 1) else {
        return nil
      }
      fields.append(PythonLiteral.Field(name: name, value: value))
      if !take(",") { return take("}") ? .dictionary(fields) : nil }
    }
    return .dictionary(fields)
  }

  private mutating func string() -> String? {
    let quote = bytes[position]
    let content = bytes[(position + 1)...].prefix { $0 != quote && $0 != UInt8(ascii: "\\") }
    guard content.endIndex < bytes.count, bytes[content.endIndex] == quote else { return nil }
    position = content.endIndex + 1
    return String(validating: content, as: UTF8.self)
  }

  /// Digits; Python 2 may write an L after them.
  private mutating func integer() -> PythonLiteral? {
    let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    position = digits.endIndex
    _ = take("L")
    return Int(String(decoding: digits, as: UTF8.self)).map { .integer($0) }
  }

  private mutating func take(_ word: String) -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
  }
}
