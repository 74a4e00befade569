/// A pattern at which a pre-tokenizer splits.
enum SplitPattern: Sendable {
  case words(WordPattern)
  case regularExpression(OnigPattern)
  case literal([UInt8])
  /// Each character of Unicode's category N.
  case number

  /// Appends the parts of the text in order: the matches and the text between them.
  ///
  /// - Throws: `InvalidFileError` if a pattern exceeds its backtracking limit.
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

  private static let newNumbers = UnicodeTables.ranges(UnicodeTables.newNumbers)

  private static func isNumber(_ scalar: UInt32) -> Bool {
    CharacterClass.of(scalar) == .number || scalar >= 0x11de0 && newNumbers.contains { $0.contains(scalar) }
  }
}

/// A pattern and the treatment of its matches.
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
  /// Whether matches and the text between them are exchanged.
  var isInverted = false

  /// The well-known pattern whose words are the pieces; nil for other splits.
  var plainWords: WordPattern? {
    guard case .words(let pattern) = pattern else { return nil }
    return behavior == .isolated || behavior == .removed && isInverted ? pattern : nil
  }

  /// Appends the pieces of a text; none is empty.
  ///
  /// - Parameter parts: a scratch buffer.
  /// - Throws: `InvalidFileError` if a pattern exceeds its backtracking limit.
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
