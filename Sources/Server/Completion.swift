import Foundation
import JSON
import Synchronization

/// A request for completions under way: its sequences' listener, and the maker of its response.
final class Completion: SequenceListener, @unchecked Sendable {
  // Unchecked: `choices` and the counts are the engine's thread's until the last sequence has ended.

  /// What happens to it. Called on the engine's thread; must not wait.
  enum Event: Sendable {
    /// The next event of the stream: JSON without its frame.
    case piece(String)
    /// All sequences have ended.
    case finished
  }

  let request: CompletionRequest
  let identifier: String
  private let model: ServedModel
  private let created: Int
  private let deliver: @Sendable (Completion, Event) -> Void
  private var choices: [Choice]
  private var open: Int
  private let cancelled = Atomic<Bool>(false)

  /// Why the server did not finish, where it did not.
  private(set) var failure: APIError?

  /// - Parameter created: seconds since 1970.
  init(
    _ request: CompletionRequest, _ model: ServedModel, created: Int,
    deliver: @escaping @Sendable (Completion, Event) -> Void
  ) {
    self.request = request
    self.model = model
    self.created = created
    self.deliver = deliver
    identifier = "cmpl-" + UUID().uuidString.replacing("-", with: "").lowercased()
    choices = request.prompts.enumerated().flatMap { index, prompt in
      (0..<request.choices).map { Choice(index * request.choices + $0, of: prompt, request, model) }
    }
    open = choices.count
  }

  /// What the engine is to do. Sequence i draws from the seed + i, as those of `phd generate` do.
  var tasks: [SequenceTask] {
    choices.indices.map { index in
      SequenceTask(
        prompt: choices[index].promptTokens, maximumTokens: request.maximumTokens, sampling: request.sampling,
        seed: request.seed &+ UInt64(index), endTokens: request.ignoresEnd ? [] : model.endTokens,
        logprobs: request.logprobs, scoresPrompt: request.echoes && request.logprobs != nil, index: index,
        listener: self)
    }
  }

  /// Nobody waits for the response any more.
  func cancel() { cancelled.store(true, ordering: .relaxed) }

  // MARK: what the engine tells

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  func promptScored(_ sequence: Int, _ scores: [TokenScore]) { choices[sequence].promptScored(scores) }

  func promptDone(_ sequence: Int) { stream(sequence) }

  func generated(_ sequence: Int, _ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool {
    let goesOn = choices[sequence].add(token, score, ends: ends)
    // The last token's piece also says why it is the last.
    let isLast = ends || !goesOn || choices[sequence].tokens.count == request.maximumTokens
    if !isLast { stream(sequence) }
    return goesOn
  }

  func ended(_ sequence: Int, _ reason: EndReason) {
    if case .failed(let error) = reason { failure = error }
    choices[sequence].end(reason)
    if failure == nil { stream(sequence) }
    open -= 1
    if open > 0 { return }
    if request.streams && request.includesUsage && failure == nil && !isCancelled {
      deliver(self, .piece(body(choices: [], usage: usage).compact))
    }
    deliver(self, .finished)
  }

  private func stream(_ sequence: Int) {
    guard request.streams, !isCancelled, let piece = choices[sequence].takePiece() else { return }
    deliver(self, .piece(body(choices: [piece], usage: request.includesUsage ? .null : nil).compact))
  }

  // MARK: the response

  /// The whole response; to be asked for when all has finished.
  var response: JSONValue { body(choices: choices.map(\.json), usage: usage) }

  private func body(choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    var fields = [
      JSONValue.Field(name: "id", value: .string(identifier)),
      JSONValue.Field(name: "object", value: "text_completion"),
      JSONValue.Field(name: "created", value: .integer(created)),
      JSONValue.Field(name: "model", value: .string(model.name)),
      JSONValue.Field(name: "choices", value: .array(choices)),
    ]
    if let usage { fields.append(JSONValue.Field(name: "usage", value: usage)) }
    return .object(JSONValue.Object(distinct: fields))
  }

  private var usage: JSONValue {
    let prompts = request.prompts.reduce(0) { $0 + $1.count }
    let generated = choices.reduce(0) { $0 + $1.tokens.count }
    return [
      "prompt_tokens": .integer(prompts), "completion_tokens": .integer(generated),
      "total_tokens": .integer(prompts + generated),
    ]
  }
}
