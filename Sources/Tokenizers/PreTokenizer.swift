/// What a text goes through before its pieces become tokens: cuts, and last the spelling of bytes.
struct PreTokenizer: Sendable {
  enum Step: Sendable {
    case split(Splitting)
    /// A space is put before a text that begins with none.
    case prefixSpace
  }

  var steps: [Step] = []

  /// The pattern alone, where that is all there is: each of its words is a piece.
  var plainWords: WordPattern? {
    guard steps.count == 1, case .split(let splitting) = steps[0] else { return nil }
    return splitting.plainWords
  }

  /// Whether a letter and the space behind it are never in one piece, whatever stands around them.
  var cutsBehindLetters: Bool {
    for step in steps {
      if case .split(let splitting) = step { return splitting.plainWords != nil }
    }
    return false
  }
}
