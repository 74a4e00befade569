/// The patterns of well-known tokenizers, with hand-written matchers. They cover any text: each word begins at the end of
/// the one before.
public enum WordPattern: String, Sendable, CaseIterable {
  case gpt2
  /// Used by cl100k, OLMo 2 and Llama 3.
  case cl100k
  /// Used by Qwen 2: cl100k's with each digit as a word.
  case qwen2

  /// The pattern as a regular expression.
  public var regularExpression: String {
    switch self {
    case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .cl100k: WordPattern.cl100k(digits: #"\p{N}{1,3}"#)
    case .qwen2: WordPattern.cl100k(digits: #"\p{N}"#)
    }
  }

  private static func cl100k(digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The pattern whose regular expression equals `regularExpression`; nil if there is none.
  public init?(regularExpression: String) {
    guard
      let found = WordPattern.allCases.first(where: {
        $0.regularExpression.utf8.elementsEqual(regularExpression.utf8)
      })
    else { return nil }
    self = found
  }

  /// The end of the word that begins at `start`.
  ///
  /// - Parameters:
  ///   - text: UTF-8.
  ///   - classes: the table of ``CharacterClass``.
  @inline(__always)
  func end(
    of start: Int, in text: UnsafeBufferPointer<UInt8>, _ classes: UnsafeBufferPointer<UInt8>
  ) -> Int {
    let cursor = Cursor(text: text, classes: classes)
    return self == .gpt2 ? cursor.gpt2(start) : cursor.cl100k(start, digits: self == .cl100k ? 3 : 1)
  }
}

/// A text and the table of character classes.
private struct Cursor {
  let text: UnsafeBufferPointer<UInt8>
  let classes: UnsafeBufferPointer<UInt8>

  static let other = CharacterClass.other.rawValue
  static let letter = CharacterClass.letter.rawValue
  static let number = CharacterClass.number.rawValue
  static let space = CharacterClass.space.rawValue
  /// The class after the end of the text.
  static let none: UInt8 = 255

  /// The class of the character at a position, and the position of the next.
  @inline(__always)
  func look(_ position: Int) -> (kind: UInt8, next: Int) {
    if position >= text.count { return (Cursor.none, position) }
    let (scalar, length) = UTF8Text.character(text, at: position)
    return (scalar < classes.count ? classes[Int(scalar)] : Cursor.other, position + length)
  }

  /// The end of the run of characters of one class.
  @inline(__always)
  func run(of kind: UInt8, from position: Int) -> Int {
    var position = position
    while true {
      let (found, next) = look(position)
      if found != kind { return position }
      position = next
    }
  }

  @inline(__always)
  func isNewline(_ position: Int) -> Bool {
    position < text.count && (text[position] == 0x0a || text[position] == 0x0d)
  }

  func gpt2(_ start: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = contraction(start, ignoringCase: false) { return end }
    // One space may precede a run of any other class.
    let (kind, next) = look(start)
    if kind != Cursor.space { return run(of: kind, from: next) }
    let (following, afterFollowing) = look(next)
    if text[start] == 0x20, following != Cursor.space, following != Cursor.none {
      return run(of: following, from: afterFollowing)
    }
    return spaces(from: start)
  }

  func cl100k(_ start: Int, digits: Int) -> Int {
    if text[start] == UInt8(ascii: "'"), let end = contraction(start, ignoringCase: true) { return end }
    let (kind, next) = look(start)
    if kind == Cursor.letter { return run(of: Cursor.letter, from: next) }
    if kind == Cursor.number {
      var end = next
      for _ in 1..<digits {
        let (found, after) = look(end)
        if found != Cursor.number { break }
        end = after
      }
      return end
    }
    let (following, afterFollowing) = look(next)
    if following == Cursor.letter && !isNewline(start) { return run(of: Cursor.letter, from: afterFollowing) }
    if kind == Cursor.other { return withNewlines(run(of: Cursor.other, from: next)) }
    if text[start] == 0x20 && following == Cursor.other {
      return withNewlines(run(of: Cursor.other, from: afterFollowing))
    }
    // Up to the last newline of the run of spaces, if it has one.
    let end = run(of: Cursor.space, from: next)
    var last = end
    while last > start && !isNewline(last - 1) { last -= 1 }
    return last > start ? last : spaces(from: start)
  }

  @inline(__always)
  private func withNewlines(_ position: Int) -> Int {
    var end = position
    while isNewline(end) { end += 1 }
    return end
  }

  /// `\s+(?!\S)|\s+`: the run of spaces, without its last one if other text follows and at least one remains.
  private func spaces(from start: Int) -> Int {
    var (last, end) = (start, start)
    while true {
      let (kind, next) = look(end)
      if kind == Cursor.none { return end }
      if kind != Cursor.space { return last > start ? last : end }
      (last, end) = (end, next)
    }
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`; nil for anything else. If case is ignored, the long s (ſ)
  /// counts as s.
  private func contraction(_ start: Int, ignoringCase: Bool) -> Int? {
    func letter(_ position: Int) -> UInt8 {
      guard position < text.count else { return 0 }
      let byte = text[position]
      return ignoringCase && (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }
    switch letter(start + 1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    case 0xc5: return ignoringCase && letter(start + 2) == 0xbf ? start + 3 : nil
    default: return nil
    }
  }
}
