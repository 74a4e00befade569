/// UTF-8 in memory.
enum UTF8Text {
  /// The offset of the first byte that is part of no character, an unfinished character's at the end included; nil for
  /// a text that is UTF-8 throughout.
  static func firstInvalid(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    let raw = UnsafeRawBufferPointer(bytes)
    var position = 0
    while position < raw.count {
      if position + 8 <= raw.count,
        raw.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      {
        position += 8
        continue
      }
      let length = characterLength(raw, at: position)
      if length == 0 { return position }
      position += length
    }
    return nil
  }

  /// The bytes of the character that begins at a position, 0 where none does.
  private static func characterLength(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
    let first = bytes[position]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch first {
    case 0..<0x80: return 1
    case 0xc2...0xdf: length = 2
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xe1...0xef: length = 3
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    case 0xf1...0xf3: length = 4
    default: return 0
    }
    guard position + length <= bytes.count, second.contains(bytes[position + 1]) else { return 0 }
    for index in 2..<max(2, length) where bytes[position + index] & 0xc0 != 0x80 { return 0 }
    return length
  }

  /// The character at a position of a text that is UTF-8, and its bytes.
  @inline(__always)
  static func character(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[position])
    if first < 0x80 { return (first, 1) }
    func rest(_ offset: Int) -> UInt32 { UInt32(text[position + offset] & 0x3f) }
    if first < 0xe0 { return ((first & 0x1f) << 6 | rest(1), 2) }
    if first < 0xf0 { return ((first & 0xf) << 12 | rest(1) << 6 | rest(2), 3) }
    return ((first & 7) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
  }

  /// Where the character begins that ends before a position above 0.
  static func start(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = position - 1
    while start > 0 && text[start] & 0xc0 == 0x80 { start -= 1 }
    return start
  }
}
