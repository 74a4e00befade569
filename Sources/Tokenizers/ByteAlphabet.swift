/// The printable characters that represent bytes in a byte-level vocabulary: `Ġ` for a space, `Ċ` for a newline.
///
/// Bytes that are printable in Latin 1 represent themselves; the others are mapped in order to U+0100 and above (GPT-2's
/// `bytes_to_unicode`).
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? "?"
      }
    }
  }()

  /// The bytes in the order of their characters.
  static let ordered: [UInt8] = (UInt8.min...UInt8.max).sorted { characters[Int($0)] < characters[Int($1)] }

  /// The byte that a character represents; nil if it represents none.
  static func byte(_ character: Unicode.Scalar) -> UInt8? {
    character.value < bytes.count ? bytes[Int(character.value)] : nil
  }

  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x200)
    for (byte, character) in characters.enumerated() { bytes[Int(character.value)] = UInt8(byte) }
    return bytes
  }()

  /// The bytes that a token's text represents; nil if a character represents none.
  static func bytes(of token: String) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.utf8.count)
    for character in token.unicodeScalars {
      guard let byte = byte(character) else { return nil }
      result.append(byte)
    }
    return result
  }

  /// The text that represents bytes.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(characters[Int(byte)]) }
    return String(text)
  }
}
