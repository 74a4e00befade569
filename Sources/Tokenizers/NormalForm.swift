import Foundation

/// Unicode's normal form C, of Unicode 9, as the `tokenizers` library has it: characters that came later are left alone.
enum NormalForm {
  /// A bit for each code point that may change or join, 0 from U+0000 on.
  private static let joining: [UInt64] = {
    let ranges = UnicodeTables.ranges(UnicodeTables.joining)
    var bits = [UInt64](repeating: 0, count: Int(ranges.last?.upperBound ?? 0) / 64 + 1)
    for code in ranges.joined() { bits[Int(code) / 64] |= 1 << UInt64(code % 64) }
    return bits
  }()

  /// Whether a character that begins anew here does so for later versions, too: these may take it for a mark, or for a
  /// letter that an old mark joins.
  private static func isOldBase(_ scalar: UInt32) -> Bool {
    guard scalar != 0x105d2, scalar != 0x105da else { return false }
    return Unicode.Scalar(scalar)?.properties.canonicalCombiningClass == .notReordered
  }

  /// The text in normal form C; nil where it is already.
  ///
  /// - Parameter text: UTF-8.
  static func composed(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8]?
    var (copied, base, position) = (0, 0, 0)
    while position < text.count {
      // Nothing below U+0300 joins.
      if text[position] < 0xcc {
        base = position
        position += text[position] < 0x80 ? 1 : 2
        continue
      }
      let (scalar, length) = UTF8Text.character(text, at: position)
      guard isJoining(scalar) else {
        base = position
        position += length
        continue
      }
      // From the character before, which begins anew, to the next that does.
      if base < position, !isOldBase(UTF8Text.character(text, at: base).scalar) { base = position }
      var end = position + length
      while end < text.count {
        let (next, length) = UTF8Text.character(text, at: end)
        guard isJoining(next) else { break }
        end += length
      }
      let segment = UnsafeBufferPointer(rebasing: text[base..<end])
      let composed = Array(String(decoding: segment, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
      if !segment.elementsEqual(composed) {
        var output = result ?? []
        output.append(contentsOf: text[copied..<base])
        output.append(contentsOf: composed)
        result = output
        copied = end
      }
      (base, position) = (end, end)
    }
    result?.append(contentsOf: text[copied...])
    return result
  }

  private static func isJoining(_ scalar: UInt32) -> Bool {
    let word = Int(scalar / 64)
    return word < joining.count && joining[word] >> UInt64(scalar % 64) & 1 == 1
  }
}
