import Inference

/// A running sequence with its KV cache.
final class RunningSequence {
  let task: SequenceTask
  let cache: KVCache
  /// Tokens generated so far.
  private(set) var count = 0
  /// The next token to decode; nil while the prompt is being prefilled.
  private(set) var next: Int32?
  private(set) var hasEnded = false

  private var sampler: Sampler
  /// The tokens so far, if there is a repetition penalty.
  private var seen: Set<Int32>

  init(_ task: SequenceTask, _ cache: KVCache) {
    self.task = task
    self.cache = cache
    sampler = Sampler(task.sampling, seed: task.seed)
    seen = task.sampling.repetitionPenalty == 1 ? [] : Set(task.prompt)
  }

  /// The prompt's next piece. Only the prompt's length determines the pieces, so that results do not depend on other
  /// sequences.
  func piece(atMost limit: Int) -> ArraySlice<Int32> {
    task.prompt[cache.length..<min(cache.length + limit, task.prompt.count)]
  }

  /// The first position whose logits are needed.
  var firstWanted: Int { task.scoresPrompt ? 0 : task.prompt.count - 1 }

  /// Samples a token from the logits after the prompt or after ``next``.
  func advance(_ logits: UnsafeBufferPointer<Float>) {
    if count == task.maximumTokens { return end(.length) }
    let token = sampler.choose(logits, seen: seen)
    let score = task.logprobs.map { TokenScore(of: token, logits, likeliest: $0) }
    let ends = task.endTokens.contains(token)
    count += 1
    next = token
    if task.sampling.repetitionPenalty != 1 { seen.insert(token) }
    let continues = task.listener.generated(task.index, token, score, ends: ends)
    if ends || !continues { return end(.stop) }
    if count == task.maximumTokens { end(.length) }
  }

  func end(_ reason: EndReason) {
    hasEnded = true
    task.listener.ended(task.index, reason)
  }
}
