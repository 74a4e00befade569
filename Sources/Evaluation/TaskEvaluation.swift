import Communication
import Inference

/// Evaluates a model on benchmarks. The ranks divide the items among themselves.
public final class TaskEvaluation {
  private let decoder: Decoder
  private let encoder: RequestEncoder
  private let itemsAtOnce: Int
  private let communicator: Communicator

  /// - Parameter itemsAtOnce: items that a rank processes in one batch.
  public init(_ decoder: Decoder, _ encoder: RequestEncoder, itemsAtOnce: Int, _ communicator: Communicator) {
    precondition(itemsAtOnce > 0, "\(itemsAtOnce) items at once")
    self.decoder = decoder
    self.encoder = encoder
    self.itemsAtOnce = itemsAtOnce
    self.communicator = communicator
  }

  /// The scores of all choices, the same on every rank. Collective.
  ///
  /// The batches do not depend on the number of ranks, so the results do not either, to the last bit.
  /// - Parameter progress: called with the number of items that are done on all ranks together.
  /// - Throws: `AgreedError` for items that cannot be tokenized (``EvaluationError``, `InvalidFileError`), and if a
  ///   log-likelihood is not finite; `CommunicationError`.
  public func result(
    of task: EvaluationTask, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) throws -> TaskResult {
    guard let result = try result(of: task, progress: progress, unless: { false }) else {
      preconditionFailure("the evaluation was interrupted without an interrupt condition")
    }
    return result
  }

  /// Like `result(of:progress:)`; returns nil if it was interrupted.
  ///
  /// - Parameter isInterrupted: called before each round of items, on all ranks.
  public func result(
    of task: EvaluationTask, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in },
    unless isInterrupted: () throws -> Bool
  ) throws -> TaskResult? {
    // The index of each item's first choice among all choices.
    var starts = [0]
    for item in task.items { starts.append(starts[starts.count - 1] + item.requests.count) }
    let choices = starts[starts.count - 1]
    // For each choice: log-likelihood, tokens, 1 if greedy. At the end: processed tokens, tokens without sharing.
    var numbers = [Double](repeating: 0, count: 3 * choices + 2)
    let scorer = ChoiceScorer(decoder)
    for round in stride(from: 0, to: task.items.count, by: communicator.size * itemsAtOnce) {
      if try isInterrupted() { return nil }
      let first = min(round + communicator.rank * itemsAtOnce, task.items.count)
      let range = first..<min(first + itemsAtOnce, task.items.count)
      try communicator.agreed {
        let tokens = try task.items[range].map { try encoder.tokens(of: $0) }
        for (index, scores) in zip(range, scorer.scores(of: tokens)) {
          for (choice, score) in scores.enumerated() {
            guard score.logLikelihood.isFinite else {
              throw EvaluationError(
                .notFinite,
                "\(task.items[index].place): the log-likelihood of choice \(choice) is \(score.logLikelihood); "
                  + InferenceError.brokenLogitsAdvice)
            }
            let place = 3 * (starts[index] + choice)
            numbers[place] = score.logLikelihood
            numbers[place + 1] = Double(score.tokens)
            numbers[place + 2] = score.isGreedy ? 1 : 0
          }
        }
        numbers[3 * choices + 1] += Double(tokens.reduce(0) { $0 + $1.unshared })
      }
      progress(min(task.items.count, round + communicator.size * itemsAtOnce), task.items.count)
    }
    numbers[3 * choices] = Double(scorer.tokens)
    numbers = try communicator.sum(numbers)
    let scores = task.items.indices.map { item in
      (starts[item]..<starts[item + 1]).map { choice in
        ChoiceScore(
          logLikelihood: numbers[3 * choice], tokens: Int(numbers[3 * choice + 1]),
          isGreedy: numbers[3 * choice + 2] > 0)
      }
    }
    return TaskResult(
      task, scores, tokens: Int(numbers[3 * choices]), tokensUnshared: Int(numbers[3 * choices + 1]))
  }
}
