/// What a pre-tokenizer cuts at.
enum SplitPattern: Sendable {
  case words(WordPattern)
  case regularExpression(OnigPattern)
  case literal([UInt8])
  /// Each character of Unicode's category N.
  case number

  /// Appends the text's parts in their order: matches, and what lies between them.
  ///
  /// - Throws: ``InvalidFileError`` where a pattern gives up.
  func parts(of text: UnsafeBufferPointer<UInt8>, into parts: inout [Splitting.Part]) throws {
    var end = 0
    func take(_ match: Range<Int>) {
      if end < match.lowerBound { parts.append(Splitting.Part(range: end..<match.lowerBound, isMatch: false)) }
      parts.append(Splitting.Part(range: match, isMatch: true))
      end = match.upperBound
    }
    switch self {
    case .words(let pattern):
      CharacterClass.withTable { classes in
        while end < text.count { take(end..<pattern.end(of: end, in: text, classes)) }
      }
    case .regularExpression(let pattern): try pattern.forEachMatch(text) { take($0) }
    case .literal(let literal):
      var position = 0
      while position + literal.count <= text.count {
        if text[position] == literal[0], text[position..<position + literal.count].elementsEqual(literal) {
          take(position..<position + literal.count)
          position += literal.count
        } else {
          position += 1
        }
      }
    case .number:
      var position = 0
      while position < text.count {
        let (scalar, length) = UTF8Text.character(text, at: position)
        if SplitPattern.isNumber(scalar) { take(position..<position + length) }
        position += length
      }
    }
    if end < text.count { parts.append(Splitting.Part(range: end..<text.count, isMatch: false)) }
  }

  private static let younger = UnicodeTables.ranges(UnicodeTables.youngerNumbers)

  private static func isNumber(_ scalar: UInt32) -> Bool {
    CharacterClass.of(scalar) == .number || scalar >= 0x11de0 && younger.contains { $0.contains(scalar) }
  }
}

/// A pattern, and what becomes of its matches.
struct Splitting: Sendable {
  struct Part: Sendable, Equatable {
    var range: Range<Int>
    var isMatch: Bool
  }

  enum Behavior: String, Sendable, CaseIterable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }

  var pattern: SplitPattern
  var behavior: Behavior
  /// What does not match is taken for what does.
  var isInverted = false

  /// The well-known pattern whose words are just the pieces, where it is that simple.
  var plainWords: WordPattern? {
    guard case .words(let pattern) = pattern else { return nil }
    return behavior == .isolated || behavior == .removed && isInverted ? pattern : nil
  }

  /// Appends the pieces that a text is cut into; none is empty.
  ///
  /// - Parameter parts: scratch.
  /// - Throws: ``InvalidFileError`` where a pattern gives up.
  func pieces(
    of text: UnsafeBufferPointer<UInt8>, _ parts: inout [Part], into pieces: inout [Range<Int>]
  ) throws {
    parts.removeAll(keepingCapacity: true)
    try pattern.parts(of: text, into: &parts)
    if isInverted {
      for index in parts.indices { parts[index].isMatch.toggle() }
    }
    let first = pieces.count
    func extend(_ end: Int) { pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<end }
    var wasMatch = false
    switch behavior {
    case .removed: pieces += parts.lazy.filter { !$0.isMatch }.map(\.range)
    case .isolated: pieces += parts.lazy.map(\.range)
    case .contiguous:
      for part in parts {
        if part.isMatch == wasMatch && pieces.count > first {
          extend(part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
    case .mergedWithPrevious:
      for part in parts {
        if part.isMatch && !wasMatch && pieces.count > first {
          extend(part.range.upperBound)
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
    case .mergedWithNext:
      for part in parts.reversed() {
        if part.isMatch && !wasMatch && pieces.count > first {
          pieces[pieces.count - 1] = part.range.lowerBound..<pieces[pieces.count - 1].upperBound
        } else {
          pieces.append(part.range)
        }
        wasMatch = part.isMatch
      }
      pieces[first...].reverse()
    }
    pieces.removeAll { $0.isEmpty }
  }
}
