/// The steps that split a text into pieces before merging. Spelling the bytes is always the last step.
struct PreTokenizer: Sendable {
  enum Step: Sendable {
    case split(Splitting)
    /// Adds a space before a text that does not begin with one.
    case prefixSpace
  }

  var steps: [Step] = []

  /// The pattern whose words are the pieces, if the pre-tokenizer does nothing else; otherwise nil.
  var plainWords: WordPattern? {
    guard steps.count == 1, case .split(let splitting) = steps[0] else { return nil }
    return splitting.plainWords
  }

  /// Whether a letter and the space after it are never in the same piece, whatever the surrounding text.
  var cutsAfterLetters: Bool {
    for step in steps {
      if case .split(let splitting) = step { return splitting.plainWords != nil }
    }
    return false
  }
}
