/// Decodes UTF-8 in memory.
enum UTF8Text {
  /// The Unicode scalar at a position of a UTF-8 text, and its number of bytes.
  @inline(__always)
  static func character(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[position])
    if first < 0x80 { return (first, 1) }
    func rest(_ offset: Int) -> UInt32 { UInt32(text[position + offset] & 0x3f) }
    if first < 0xe0 { return ((first & 0x1f) << 6 | rest(1), 2) }
    if first < 0xf0 { return ((first & 0xf) << 12 | rest(1) << 6 | rest(2), 3) }
    return ((first & 7) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
  }

  /// The start of the character before a position, which must be above 0.
  static func start(before position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
    var start = position - 1
    while start > 0 && text[start] & 0xc0 == 0x80 { start -= 1 }
    return start
  }
}
