/// Looks for what is not UTF-8 in a text that comes in blocks, which may end anywhere.
public struct UTF8Check: Sendable {
  /// The bytes of a character that the last block has begun, at most three.
  private var begun: [UInt8] = []
  /// Bytes before the current block, less those begun.
  private var offset = 0

  public init() {}

  /// The offset, in the whole text, of the first byte that is part of no character; nil where all is well so far.
  public mutating func firstInvalid(_ block: UnsafeRawBufferPointer) -> Int? {
    var rest = block[...]
    while !begun.isEmpty, let next = rest.popFirst() {
      begun.append(next)
      if begun.withUnsafeBufferPointer({ UTF8Text.firstInvalid($0) }) == nil {
        offset += begun.count
        begun = []
      } else if !UTF8Check.begins(begun) {
        return offset
      }
    }
    guard begun.isEmpty else { return nil }
    return UnsafeRawBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) { bytes in
      let invalid = UTF8Text.firstInvalid(bytes) ?? bytes.count
      let tail = Array(bytes[invalid...])
      offset += invalid
      if tail.count <= 3 && UTF8Check.begins(tail) {
        begun = tail
        return nil
      }
      return offset
    }
  }

  /// The offset of a character that the text's end cut off.
  public var unfinished: Int? { begun.isEmpty ? nil : offset }

  /// Whether bytes, fewer than four, are a character's first, or none.
  private static func begins(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    // A character of that length whose other bytes are the least or the greatest that may come.
    return [0x80, 0x8f, 0x90, 0xa0, 0xbf].contains { second in
      (2...4).contains { length in
        guard bytes.count < length else { return false }
        let whole = bytes + (bytes.count..<length).map { $0 == 1 ? UInt8(second) : 0x80 }
        return whole.withUnsafeBufferPointer { UTF8Text.firstInvalid($0) } == nil
      }
    }
  }
}
