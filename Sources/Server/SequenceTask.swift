import Inference

/// One sequence to generate or to score.
struct SequenceTask: Sendable {
  let prompt: [Int32]
  let maximumTokens: Int
  let sampling: Sampling
  let seed: UInt64
  let endTokens: Set<Int32>
  /// The number of most likely tokens in each new token's score; nil for no scores.
  let logprobs: Int?
  /// Whether the prompt's tokens, from the second on, are scored too.
  let scoresPrompt: Bool
  /// The sequence's index in its listener.
  let index: Int
  let listener: any SequenceListener

  /// The capacity of the cache in tokens. The last generated token is never cached.
  var capacity: Int { prompt.count + max(0, maximumTokens - 1) }
}

/// Receives the events of sequences. Called on the engine's thread; must not block.
protocol SequenceListener: AnyObject, Sendable {
  /// Whether the results are no longer needed.
  var isCancelled: Bool { get }

  /// The scores of the prompt's next tokens; the first token has none.
  func promptScored(_ sequence: Int, _ scores: [TokenScore])

  /// The prompt has been processed, and all its scores have been delivered.
  func promptDone(_ sequence: Int)

  /// - Parameter ends: whether the token ends the text.
  /// - Returns: whether the sequence continues.
  func generated(_ sequence: Int, _ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool

  func ended(_ sequence: Int, _ reason: EndReason)
}

/// Why a sequence ended.
enum EndReason: Sendable, Equatable {
  /// An end-of-text token, or a stop text.
  case stop
  /// The maximum number of tokens.
  case length
  /// The server could not finish the sequence.
  case failed(APIError)
}
