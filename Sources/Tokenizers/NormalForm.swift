/// Unicode's normal form C, of Unicode 9 like the `tokenizers` library: later characters are left unchanged.
enum NormalForm {
  /// The text in normal form C; nil if the text already is.
  ///
  /// - Parameter text: UTF-8.
  static func composed(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8]?
    var (copied, base, position) = (0, 0, 0)
    while position < text.count {
      // Characters below U+0300 never join.
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
      // The segment extends from the starter before to the next starter.
      var end = position + length
      while end < text.count {
        let (next, length) = UTF8Text.character(text, at: end)
        guard isJoining(next) else { break }
        end += length
      }
      let segment = UnsafeBufferPointer(rebasing: text[base..<end])
      let composed = composedSegment(segment)
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

  // MARK: Segments

  private struct Mark {
    var scalar: UInt32
    var combiningClass: UInt8
  }

  /// Decomposes, sorts marks by combining class, and composes again (UAX 15).
  private static func composedSegment(_ segment: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var characters: [Mark] = []
    var position = 0
    while position < segment.count {
      let (scalar, length) = UTF8Text.character(segment, at: position)
      decompose(scalar, into: &characters)
      position += length
    }
    var start = 0
    while start < characters.count {
      let end = characters[start...].firstIndex { $0.combiningClass == 0 } ?? characters.count
      if end - start > 1 {
        // A stable sort, so that marks of the same class keep their order.
        let marks = characters[start..<end].enumerated().sorted {
          ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
        }
        characters.replaceSubrange(start..<end, with: marks.map(\.element))
      }
      start = end + 1
    }
    return compose(characters)
  }

  private static func decompose(_ scalar: UInt32, into characters: inout [Mark]) {
    if (Hangul.syllables).contains(scalar) {
      let index = scalar - Hangul.syllables.lowerBound
      let (syllable, trailing) = (index / Hangul.trailingCount, index % Hangul.trailingCount)
      characters.append(Mark(scalar: Hangul.leading + syllable / Hangul.vowelCount, combiningClass: 0))
      characters.append(Mark(scalar: Hangul.vowel + syllable % Hangul.vowelCount, combiningClass: 0))
      if trailing > 0 { characters.append(Mark(scalar: Hangul.trailing + trailing, combiningClass: 0)) }
    } else if let parts = tables.parts[scalar] {
      for part in parts { decompose(part, into: &characters) }
    } else {
      characters.append(Mark(scalar: scalar, combiningClass: tables.classes[scalar] ?? 0))
    }
  }

  private static func compose(_ characters: [Mark]) -> [UInt8] {
    var result: [UInt32] = []
    // The index of the last starter, and the class of the last character kept after it.
    var (starter, lastClass): (Int?, Int) = (nil, -1)
    for character in characters {
      let own = Int(character.combiningClass)
      if let starter, lastClass < own || lastClass == -1,
        let whole = composition(result[starter], character.scalar)
      {
        result[starter] = whole
        continue
      }
      if own == 0 {
        (starter, lastClass) = (result.count, -1)
      } else {
        lastClass = own
      }
      result.append(character.scalar)
    }
    var text = String.UnicodeScalarView()
    for scalar in result { text.append(Unicode.Scalar(scalar) ?? "\u{fffd}") }
    return Array(String(text).utf8)
  }

  private static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if (Hangul.leading..<Hangul.leading + Hangul.leadingCount).contains(first),
      (Hangul.vowel..<Hangul.vowel + Hangul.vowelCount).contains(second)
    {
      let pair = (first - Hangul.leading) * Hangul.vowelCount + second - Hangul.vowel
      return Hangul.syllables.lowerBound + pair * Hangul.trailingCount
    }
    if Hangul.syllables.contains(first), (first - Hangul.syllables.lowerBound) % Hangul.trailingCount == 0,
      (Hangul.trailing + 1..<Hangul.trailing + Hangul.trailingCount).contains(second)
    {
      return first + second - Hangul.trailing
    }
    return tables.compositions[UInt64(first) << 32 | UInt64(second)]
  }

  // MARK: Tables

  private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xac00...0xd7a3
    static let (leading, vowel, trailing): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11a7)
    static let (leadingCount, vowelCount, trailingCount): (UInt32, UInt32, UInt32) = (19, 21, 28)
  }

  private struct Tables {
    var classes: [UInt32: UInt8] = [:]
    var parts: [UInt32: [UInt32]] = [:]
    /// The key has the first part in its upper and the second in its lower half.
    var compositions: [UInt64: UInt32] = [:]
  }

  private static let tables: Tables = {
    var tables = Tables()
    var next: UInt32 = 0
    func number(_ text: Substring) -> UInt32 { UInt32(text, radix: 16) ?? 0 }
    for word in NormalizationTables.combiningClasses.split(separator: " ") {
      let fields = word.split(separator: ":")
      let run = fields[0].split(separator: "+").map(number)
      for code in next + run[0]...next + run[0] + (run.count > 1 ? run[1] : 0) {
        tables.classes[code] = UInt8(truncatingIfNeeded: number(fields[1]))
        next = code
      }
      next += 1
    }
    next = 0
    for word in NormalizationTables.decompositions.split(separator: " ") {
      let composes = word.contains("=")
      let fields = word.split { $0 == "=" || $0 == "~" }
      let code = next + number(fields[0])
      let parts = fields[1].split(separator: "+").map(number)
      tables.parts[code] = parts
      if composes { tables.compositions[UInt64(parts[0]) << 32 | UInt64(parts[1])] = code }
      next = code + 1
    }
    return tables
  }()

  /// A bit for each code point: whether it may change or join with the character before.
  private static let joining: [UInt64] = {
    let ranges = UnicodeTables.ranges(UnicodeTables.joining)
    var bits = [UInt64](repeating: 0, count: Int(ranges.last?.upperBound ?? 0) / 64 + 1)
    for code in ranges.joined() { bits[Int(code) / 64] |= 1 << UInt64(code % 64) }
    return bits
  }()

  private static func isJoining(_ scalar: UInt32) -> Bool {
    let word = Int(scalar / 64)
    return word < joining.count && joining[word] >> UInt64(scalar % 64) & 1 == 1
  }
}
