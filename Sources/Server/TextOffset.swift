/// Counts the characters (Unicode scalars) of a text that arrives in pieces of bytes. Invalid UTF-8 counts as the
/// replacement characters that replace it.
struct TextOffset: Sendable, Equatable {
  /// Characters that have started.
  private(set) var count = 0
  /// The maximum number of further bytes of the last character.
  private var rest = 0
  /// The valid values of the next byte of the last character.
  private var range: ClosedRange<UInt8> = 0x80...0xbf

  /// The start of a token with these bytes: if they continue an incomplete character, that character, else the next one.
  func start(of bytes: [UInt8]) -> Int {
    guard rest > 0, let first = bytes.first, range.contains(first) else { return count }
    return count - 1
  }

  mutating func add(_ bytes: [UInt8]) {
    for byte in bytes {
      if rest > 0 && range.contains(byte) {
        rest -= 1
        range = 0x80...0xbf
        continue
      }
      count += 1
      range = 0x80...0xbf
      switch byte {
      case 0xc2...0xdf: rest = 1
      case 0xe0: (rest, range) = (2, 0xa0...0xbf)
      case 0xed: (rest, range) = (2, 0x80...0x9f)
      case 0xe1...0xef: rest = 2
      case 0xf0: (rest, range) = (3, 0x90...0xbf)
      case 0xf4: (rest, range) = (3, 0x80...0x8f)
      case 0xf1...0xf3: rest = 3
      default: rest = 0
      }
    }
  }
}
