import Storage

/// A text to go on from, and one way to go on.
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
  /// One for each choice.
  public let requests: [TaskRequest]
  /// Which of them is right.
  public let label: Int
  /// Where it is from, for messages: `hellaswag.jsonl, line 3`.
  public let place: String

  public init(requests: [TaskRequest], label: Int, place: String) {
    self.requests = requests
    self.label = label
    self.place = place
  }
}

/// A benchmark: its items as what a model is asked.
public struct EvaluationTask: Sendable, Equatable {
  /// What is measured.
  public enum Measure: Sendable {
    /// Whether the right one of several continuations is the likeliest.
    case choice
    /// Whether the continuation is what the model would say, and how likely it is (LAMBADA).
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

  /// Number and hash of the items; equal for equal items.
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

  /// The first so many items.
  public func prefix(_ limit: Int?) -> EvaluationTask {
    EvaluationTask(name: name, measure: measure, items: Array(items.prefix(limit ?? .max)))
  }
}
