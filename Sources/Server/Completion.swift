import Foundation
import JSON
import Synchronization

/// A running request: receives the events of its sequences and builds the response.
final class Completion: SequenceListener, @unchecked Sendable {
  // Unchecked: only the engine's thread uses `choices` and the counts until the last sequence has ended.

  /// An event for the connection.
  enum Event: Sendable {
    /// The next server-sent event, as JSON without its frame.
    case piece(String)
    /// All sequences have ended.
    case finished
  }

  let request: CompletionRequest
  let identifier: String
  private let model: ServedModel
  private let created: Int
  /// Called on the engine's thread; must not block.
  private let deliver: @Sendable (Completion, Event) -> Void
  private var choices: [Choice]
  private var open: Int
  private let cancelled = Atomic<Bool>(false)

  /// The error if the server could not finish the request.
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

  /// The engine's tasks. Sequence i uses the seed plus i, as in `phd generate`.
  var tasks: [SequenceTask] {
    choices.indices.map { index in
      SequenceTask(
        prompt: choices[index].promptTokens, maximumTokens: request.maximumTokens, sampling: request.sampling,
        seed: request.seed &+ UInt64(index), endTokens: request.ignoresEnd ? [] : model.endTokens,
        logprobs: request.logprobs, scoresPrompt: request.echoes && request.logprobs != nil, index: index,
        listener: self)
    }
  }

  /// Stops the generation, because the client has disconnected.
  func cancel() { cancelled.store(true, ordering: .relaxed) }

  // MARK: - Events of the engine

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  func promptScored(_ sequence: Int, _ scores: [TokenScore]) { choices[sequence].promptScored(scores) }

  func promptDone(_ sequence: Int) { stream(sequence) }

  func generated(_ sequence: Int, _ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool {
    let continues = choices[sequence].add(token, score, ends: ends)
    // The last token is sent together with the finish reason.
    let isLast = ends || !continues || choices[sequence].tokens.count == request.maximumTokens
    if !isLast { stream(sequence) }
    return continues
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

  // MARK: - Response

  /// The whole response. Valid after `Event.finished`.
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
