import Inference

/// What is to be generated, or scored, for one prompt.
struct SequenceTask: Sendable {
  let prompt: [Int32]
  let maximumTokens: Int
  let sampling: Sampling
  let seed: UInt64
  let endTokens: Set<Int32>
  /// The likeliest tokens to be told with each new token's score; nil for no scores.
  let logprobs: Int?
  /// Whether the prompt's tokens, from the second on, are scored too.
  let scoresPrompt: Bool
  /// Which of its listener's sequences it is.
  let index: Int
  let listener: any SequenceListener

  /// Tokens that its cache holds: the last one that is generated never enters it.
  var capacity: Int { prompt.count + max(0, maximumTokens - 1) }
}

/// Hears how sequences fare, on the engine's thread. It must not wait for anything.
protocol SequenceListener: AnyObject, Sendable {
  /// Whether nobody wants to hear of it any more.
  var isCancelled: Bool { get }

  /// The scores of some of the prompt's tokens, in their order, from the second token on.
  func promptScored(_ sequence: Int, _ scores: [TokenScore])

  /// The prompt has gone through; a prompt's scores, where wanted, have all been heard of.
  func promptDone(_ sequence: Int)

  /// - Parameter ends: whether the token ends the text.
  /// - Returns: whether the sequence goes on.
  func generated(_ sequence: Int, _ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool

  func ended(_ sequence: Int, _ reason: EndReason)
}

/// Why a sequence ended.
enum EndReason: Sendable, Equatable {
  /// A token that ends a text, or a stop text.
  case stop
  /// It has as many tokens as were asked for.
  case length
  /// The server did not finish it.
  case failed(APIError)
}
