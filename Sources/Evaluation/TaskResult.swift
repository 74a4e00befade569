import Foundation
import JSON

/// A model's result on one benchmark.
public struct TaskResult: Sendable {
  /// A fraction of the items, and its standard error.
  public struct Accuracy: Sendable, Equatable {
    public let value: Double
    public let standardError: Double

    init(_ right: Int, of items: Int) {
      value = Double(right) / Double(items)
      standardError = items > 1 ? (value * (1 - value) / Double(items - 1)).squareRoot() : 0
    }
  }

  public let task: EvaluationTask
  /// The scores of each item's choices.
  public let scores: [[ChoiceScore]]
  /// The fraction of items whose right choice is the most likely; for LAMBADA, whose last word greedy decoding yields.
  public let accuracy: Accuracy
  /// The accuracy by log-likelihood divided by the choice's length in code points. Nil for LAMBADA.
  public let byCharacters: Accuracy?
  /// The accuracy by log-likelihood divided by the choice's length in UTF-8 bytes. Nil for LAMBADA.
  public let byBytes: Accuracy?
  /// exp of the mean of −log p(right continuation).
  public let perplexity: Double
  /// Tokens that the model processed.
  public let tokens: Int
  /// Tokens if each choice were processed separately.
  public let tokensUnshared: Int

  init(_ task: EvaluationTask, _ scores: [[ChoiceScore]], tokens: Int, tokensUnshared: Int) {
    precondition(!task.items.isEmpty && scores.count == task.items.count, "\(scores.count) scores for \(task.name)")
    self.task = task
    self.scores = scores
    self.tokens = tokens
    self.tokensUnshared = tokensUnshared
    let items = zip(task.items, scores)
    func accuracy(_ length: (String) -> Int) -> Accuracy {
      let right = items.count { item, scores in
        TaskResult.best(
          zip(scores, item.requests).map { $0.logLikelihood / Double(max(1, length($1.continuation))) }) == item.label
      }
      return Accuracy(right, of: task.items.count)
    }
    switch task.measure {
    case .choice:
      self.accuracy = accuracy { _ in 1 }
      byCharacters = accuracy { TaskResult.choice($0).unicodeScalars.count }
      byBytes = accuracy { TaskResult.choice($0).utf8.count }
    case .lastWord:
      self.accuracy = Accuracy(items.count { $1[$0.label].isGreedy }, of: task.items.count)
      (byCharacters, byBytes) = (nil, nil)
    }
    let total = items.reduce(0) { $0 + $1.1[$1.0.label].logLikelihood }
    perplexity = exp(-total / Double(task.items.count))
  }

  /// The index of the first maximum.
  private static func best(_ values: [Double]) -> Int {
    var best = 0
    for index in values.indices where values[index] > values[best] { best = index }
    return best
  }

  /// A continuation without the space after the context: the choice as the benchmark contains it.
  private static func choice(_ continuation: String) -> Substring {
    let scalars = continuation.unicodeScalars
    return Substring(scalars.first == " " ? scalars.dropFirst() : scalars[...])
  }

  // MARK: - Reports

  /// The fields that log records and reports share: `acc`, `acc_norm`, `items`, …
  public var metrics: JSONValue.Object {
    var fields = JSONValue.Object()
    fields["acc"] = .number(accuracy.value)
    if let byCharacters, let byBytes {
      fields["acc_norm"] = .number(byCharacters.value)
      fields["acc_norm_bytes"] = .number(byBytes.value)
    } else {
      fields["perplexity"] = .number(perplexity)
    }
    fields["items"] = .integer(task.items.count)
    fields["acc_stderr"] = .number(accuracy.standardError)
    if let byCharacters { fields["acc_norm_stderr"] = .number(byCharacters.standardError) }
    return fields
  }

  public var json: JSONValue {
    var fields = metrics
    fields["tokens"] = .integer(tokens)
    fields["tokens_unshared"] = .integer(tokensUnshared)
    return .object(fields)
  }

  /// One line of JSON per item.
  public var details: String {
    var lines = ""
    for (index, (item, scores)) in zip(task.items, scores).enumerated() {
      let line: JSONValue = [
        "task": .string(task.name), "item": .integer(index), "place": .string(item.place),
        "label": .integer(item.label),
        "log_likelihood": .array(scores.map { .number($0.logLikelihood) }),
        "tokens": .array(scores.map { .integer($0.tokens) }),
        "is_greedy": .array(scores.map { .bool($0.isGreedy) }),
      ]
      lines += line.compact + "\n"
    }
    return lines
  }

  /// One line of text.
  public var text: String {
    func percent(_ accuracy: Accuracy) -> String {
      String(format: "%5.1f ± %.1f %%", 100 * accuracy.value, 100 * accuracy.standardError)
    }
    var line = "\(task.name.padding(toLength: max(16, task.name.count), withPad: " ", startingAt: 0)) "
    line += "acc \(percent(accuracy))"
    if let byCharacters, let byBytes {
      line += "   acc_norm \(percent(byCharacters))   by bytes \(percent(byBytes))"
    } else {
      line += "   perplexity \(String(format: "%.3f", perplexity))"
    }
    return line + "   \(task.items.count) items"
  }
}
