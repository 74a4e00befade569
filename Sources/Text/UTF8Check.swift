/// Finds invalid UTF-8 in a text that arrives in blocks, which may end within a character.
public struct UTF8Check: Sendable {
  /// The first bytes of a character that the last block ends within, at most three.
  private var begun: [UInt8] = []
  /// The offset of the current block, minus `begun.count`.
  private var offset = 0

  public init() {}

  /// Checks the next block. Returns the offset, in the whole text, of the first invalid byte; nil if the text is valid so
  /// far.
  public mutating func firstInvalid(_ block: UnsafeRawBufferPointer) -> Int? {
    var rest = block[...]
    while !begun.isEmpty, let next = rest.popFirst() {
      begun.append(next)
      if begun.withUnsafeBufferPointer({ UTF8Check.firstInvalid(in: $0) }) == nil {
        offset += begun.count
        begun = []
      } else if !UTF8Check.begins(begun) {
        return offset
      }
    }
    guard begun.isEmpty else { return nil }
    return UnsafeRawBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) { bytes in
      let invalid = UTF8Check.firstInvalid(in: bytes) ?? bytes.count
      let tail = Array(bytes[invalid...])
      offset += invalid
      if tail.count <= 3 && UTF8Check.begins(tail) {
        begun = tail
        return nil
      }
      return offset
    }
  }

  /// The offset of an incomplete character at the end of the text; nil if there is none.
  public var unfinished: Int? { begun.isEmpty ? nil : offset }

  /// Whether up to three bytes are a prefix of a character, possibly empty.
  private static func begins(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    // Completes the bytes with the smallest and largest valid continuation bytes.
    return [0x80, 0x8f, 0x90, 0xa0, 0xbf].contains { second in
      (2...4).contains { length in
        guard bytes.count < length else { return false }
        let whole = bytes + (bytes.count..<length).map { $0 == 1 ? UInt8(second) : 0x80 }
        return whole.withUnsafeBufferPointer { UTF8Check.firstInvalid(in: $0) } == nil
      }
    }
  }
}

extension UTF8Check {
  /// The offset of the first invalid byte, which may be that of an incomplete character at the end; nil if the text is
  /// valid UTF-8.
  public static func firstInvalid(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
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

  /// The number of bytes of the character at a position; 0 if it is invalid.
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

  /// The offset in the slice of the first invalid byte; nil if the slice is valid UTF-8.
  public static func firstInvalid(in bytes: ArraySlice<UInt8>) -> Int? {
    bytes.withUnsafeBufferPointer { firstInvalid(in: $0) }
  }
}
