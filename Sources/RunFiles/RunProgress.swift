/// The progress of a run: all of its state except weights and moments.
public struct RunProgress: Sendable, Equatable {
  /// Steps done.
  public var step = 0
  /// Of these, steps whose update was skipped.
  public var skippedSteps = 0
  /// Samples seen.
  public var samples = 0
  /// Target tokens seen.
  public var tokens = 0
  /// Whether the validation due at this step was interrupted, so that it is done when the run resumes.
  public var awaitsValidation = false
  /// The values that the spike guard compares with.
  public var history = SpikeHistory()

  public init() {}

  /// Updates done.
  public var updates: Int { step - skippedSteps }
}

// MARK: exchange between ranks

extension RunProgress {
  /// The progress as 64-bit numbers.
  package var words: [UInt64] {
    [step, skippedSteps, samples, tokens, awaitsValidation ? 1 : 0, history.losses.count].map { UInt64($0) }
      + (history.losses + history.gradientNorms).map(\.bitPattern)
  }

  /// - Precondition: `words` are the ``words`` of a progress.
  package init(words: [UInt64]) {
    let numbers = words.prefix(6).map { Int($0) }
    precondition(words.count >= 6 && words.count == 6 + 2 * numbers[5], "\(words.count) words are not a run's progress")
    (step, skippedSteps, samples, tokens) = (numbers[0], numbers[1], numbers[2], numbers[3])
    awaitsValidation = numbers[4] == 1
    let series = words.dropFirst(6).map { Double(bitPattern: $0) }
    history = SpikeHistory(
      losses: Array(series.prefix(numbers[5])), gradientNorms: Array(series.suffix(numbers[5])))
  }
}
