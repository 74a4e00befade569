/// Reads one line of JSON as a list of tokens: `[1, 2]`, or an object with such a list in one of some fields.
struct TokenLineParser {
  typealias Failure = JSONLineParser.Failure

  private let fields: [String]
  private var json: JSONLineParser

  init(_ bytes: UnsafeBufferPointer<UInt8>, fields: [String]) {
    json = JSONLineParser(bytes)
    self.fields = fields
  }

  /// Appends the list; of a field that the object has twice, the last one.
  mutating func parse(into tokens: inout [UInt32]) throws(Failure) {
    json.skipSpace()
    switch json.peek {
    case UInt8(ascii: "["): try json.list(into: &tokens)
    case UInt8(ascii: "{"): try object(into: &tokens)
    default: throw json.failure("expected a list of tokens, or an object with a field \(names)")
    }
    try json.end()
  }

  /// A place as people count it: in characters, from 1.
  func column(of position: Int) -> Int { json.column(of: position) }

  private var names: String { fields.map { "\"\($0)\"" }.joined(separator: " or ") }

  private mutating func object(into tokens: inout [UInt32]) throws(Failure) {
    let (before, fields) = (tokens.count, fields)
    var found: String?
    // The last value that was found, where it is no list.
    var wrong: Failure?
    try json.members { parser, name throws(Failure) in
      guard let field = fields.first(where: { parser.isName(name, $0) }) else {
        return try parser.skipValue(depth: 1)
      }
      if let found, found != field {
        let names = fields.map { "\"\($0)\"" }.joined(separator: " or ")
        throw parser.failure("the object has both \(names); say which with --tokens-field")
      }
      found = field
      tokens.removeLast(tokens.count - before)
      wrong = parser.peek == UInt8(ascii: "[") ? nil : parser.failure("\"\(field)\" is no list of tokens")
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
