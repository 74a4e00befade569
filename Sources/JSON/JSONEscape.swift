/// Decodes the escape sequences of JSON strings.
public enum JSONEscape {
  /// An invalid escape sequence.
  public struct Failure: Error, Equatable {
    public let message: String
    /// Whether the text ends within the sequence.
    public var isEnd = false
  }

  /// Decodes an escape sequence, or the two sequences of a surrogate pair.
  ///
  /// - Parameter byte: returns the byte at an offset from the backslash, from 1 on; nil after the end of the text.
  /// - Returns: the character, and the number of bytes including the backslash.
  /// - Throws: ``Failure``.
  public static func decode(_ byte: (Int) -> UInt8?) throws(Failure) -> (scalar: Unicode.Scalar, byteCount: Int) {
    guard let letter = byte(1) else { throw Failure(message: "the text ends within a string", isEnd: true) }
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return (Unicode.Scalar(letter), 2)
    case UInt8(ascii: "b"): return ("\u{8}", 2)
    case UInt8(ascii: "f"): return ("\u{c}", 2)
    case UInt8(ascii: "n"): return ("\n", 2)
    case UInt8(ascii: "r"): return ("\r", 2)
    case UInt8(ascii: "t"): return ("\t", 2)
    case UInt8(ascii: "u"): break
    default: throw Failure(message: "an escape sequence that JSON does not have")
    }
    let code = try fourDigits(2, byte)
    if let scalar = Unicode.Scalar(code) { return (scalar, 6) }
    if code < 0xdc00, byte(6) == UInt8(ascii: "\\"), byte(7) == UInt8(ascii: "u") {
      let low = try fourDigits(8, byte)
      if (0xdc00..<0xe000).contains(low), let scalar = Unicode.Scalar(0x10000 + (code - 0xd800) << 10 + (low - 0xdc00))
      {
        return (scalar, 12)
      }
    }
    let digits = String(code, radix: 16)
    throw Failure(message: "\\u\(digits) is half of a surrogate pair, which is not a character")
  }

  private static func fourDigits(_ first: Int, _ byte: (Int) -> UInt8?) throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for place in first..<first + 4 {
      guard let next = byte(place), let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
        throw Failure(message: "\\u needs four hexadecimal digits")
      }
      code = code << 4 + UInt32(digit)
    }
    return code
  }
}
