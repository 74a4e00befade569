/// The patterns of the well-known tokenizers, matched by hand. They cover every text: a word begins where the one
/// before ends.
public enum WordPattern: String, Sendable, CaseIterable {
  case gpt2
  /// Of cl100k, OLMo 2 and Llama 3.
  case cl100k
  /// Of Qwen 2: cl100k's with each digit alone.
  case qwen2

  /// The pattern as regular expressions have it.
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

  /// The pattern that a regular expression is, where it is one of these, character for character.
  public init?(regularExpression: String) {
    guard
      let found = WordPattern.allCases.first(where: {
        $0.regularExpression.utf8.elementsEqual(regularExpression.utf8)
      })
    else { return nil }
    self = found
  }

  /// Where the word ends that begins at `start`.
  ///
  /// - Parameters:
  ///   - text: UTF-8.
  ///   - classes: ``CharacterClass``'s table.
  @inline(__always)
  func end(
    of start: Int, in text: UnsafeBufferPointer<UInt8>, _ classes: UnsafeBufferPointer<UInt8>
  ) -> Int {
    let cursor = Cursor(text: text, classes: classes)
    return self == .gpt2 ? cursor.gpt2(start) : cursor.cl100k(start, digits: self == .cl100k ? 3 : 1)
  }
}

/// A text, and what its characters are.
private struct Cursor {
  let text: UnsafeBufferPointer<UInt8>
  let classes: UnsafeBufferPointer<UInt8>

  static let other = CharacterClass.other.rawValue
  static let letter = CharacterClass.letter.rawValue
  static let number = CharacterClass.number.rawValue
  static let space = CharacterClass.space.rawValue
  /// Beyond the text's end.
  static let none: UInt8 = 255

  /// The class of the character at a position, and where the next begins.
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
    // One space may stand before a run of anything but spaces.
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
    // Up to the last newline of the run of spaces, where it has one.
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

  /// `\s+(?!\S)|\s+`: the run of spaces, less its last where something else follows and one is left.
  private func spaces(from start: Int) -> Int {
    var (last, end) = (start, start)
    while true {
      let (kind, next) = look(end)
      if kind == Cursor.none { return end }
      if kind != Cursor.space { return last > start ? last : end }
      (last, end) = (end, next)
    }
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`. The long s is an s where case is ignored.
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
