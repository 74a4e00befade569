/// How far a run has come: all of its state but the numbers of the model.
public struct RunProgress: Sendable, Equatable {
  /// Steps done.
  public var step = 0
  /// Of these, those whose update was left out.
  public var skippedSteps = 0
  /// Samples seen.
  public var samples = 0
  /// Target tokens seen.
  public var tokens = 0
  /// Whether the validation that is due at this step was interrupted: it is made up for when the run goes on.
  public var awaitsValidation = false
  /// What the spike guard looks back on.
  public var history = SpikeHistory()

  public init() {}

  /// Updates done.
  public var updates: Int { step - skippedSteps }
}

// MARK: from one rank to the others

extension RunProgress {
  /// All of it as numbers of 64 bits.
  package var words: [UInt64] {
    [step, skippedSteps, samples, tokens, awaitsValidation ? 1 : 0, history.losses.count].map { UInt64($0) }
      + (history.losses + history.gradientNorms).map(\.bitPattern)
  }

  /// - Precondition: the words are those of another one.
  package init(words: [UInt64]) {
    let numbers = words.prefix(6).map { Int($0) }
    precondition(words.count >= 6 && words.count == 6 + 2 * numbers[5], "\(words.count) words of a run's progress")
    (step, skippedSteps, samples, tokens) = (numbers[0], numbers[1], numbers[2], numbers[3])
    awaitsValidation = numbers[4] == 1
    let series = words.dropFirst(6).map { Double(bitPattern: $0) }
    history = SpikeHistory(
      losses: Array(series.prefix(numbers[5])), gradientNorms: Array(series.suffix(numbers[5])))
  }
}
