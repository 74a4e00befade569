import Storage

/// A context and one possible continuation.
public struct TaskRequest: Sendable, Equatable {
  public let context: String
  public let continuation: String

  public init(context: String, continuation: String) {
    self.context = context
    self.continuation = continuation
  }
}

/// One question of a benchmark.
public struct TaskItem: Sendable, Equatable {
  /// One request per choice.
  public let requests: [TaskRequest]
  /// The index of the right choice.
  public let label: Int
  /// The file and the line, for error messages: `hellaswag.jsonl, line 3`.
  public let place: String

  public init(requests: [TaskRequest], label: Int, place: String) {
    self.requests = requests
    self.label = label
    self.place = place
  }
}

/// A benchmark as a list of items to score.
public struct EvaluationTask: Sendable, Equatable {
  /// How items are scored.
  public enum Measure: Sendable {
    /// Whether the right continuation is the most likely one.
    case choice
    /// Whether greedy decoding yields the continuation, and its perplexity (LAMBADA).
    case lastWord
  }

  public let name: String
  public let measure: Measure
  public let items: [TaskItem]

  public init(name: String, measure: Measure = .choice, items: [TaskItem]) {
    self.name = name
    self.measure = measure
    self.items = items
  }

  /// The number of items and their hash; equal for equal items.
  public var fingerprint: String {
    let digest = ContentDigest()
    for item in items {
      digest.update("\(item.label) \(item.requests.count)\n")
      for text in item.requests.flatMap({ [$0.context, $0.continuation] }) {
        digest.update("\(text.utf8.count)\n\(text)")
      }
    }
    return "\(items.count) items, hash \(digest.hexadecimal)"
  }

  /// The first `limit` items; nil for all.
  public func prefix(_ limit: Int?) -> EvaluationTask {
    EvaluationTask(name: name, measure: measure, items: Array(items.prefix(limit ?? .max)))
  }
}
