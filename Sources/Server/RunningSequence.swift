import Inference

/// A sequence that has a cache.
final class RunningSequence {
  let task: SequenceTask
  let cache: KVCache
  /// Tokens generated so far.
  private(set) var count = 0
  /// The token that enters the cache next; nil while the prompt does.
  private(set) var next: Int32?
  private(set) var hasEnded = false

  private var sampler: Sampler
  /// Tokens so far, where the repetition penalty asks for them.
  private var seen: Set<Int32>

  init(_ task: SequenceTask, _ cache: KVCache) {
    self.task = task
    self.cache = cache
    sampler = Sampler(task.sampling, seed: task.seed)
    seen = task.sampling.repetitionPenalty == 1 ? [] : Set(task.prompt)
  }

  /// The prompt's tokens that enter the cache next. Where a prompt is cut depends on nothing but its length, and so do
  /// the bits of what comes of it.
  func piece(atMost limit: Int) -> ArraySlice<Int32> {
    task.prompt[cache.length..<min(cache.length + limit, task.prompt.count)]
  }

  /// The first position whose logits are wanted.
  var firstWanted: Int { task.scoresPrompt ? 0 : task.prompt.count - 1 }

  /// Takes what the model says of the token behind the prompt's end or behind ``next``.
  func advance(_ logits: UnsafeBufferPointer<Float>) {
    if count == task.maximumTokens { return end(.length) }
    let token = sampler.choose(logits, seen: seen)
    let score = task.logprobs.map { TokenScore(of: token, logits, likeliest: $0) }
    let ends = task.endTokens.contains(token)
    count += 1
    next = token
    if task.sampling.repetitionPenalty != 1 { seen.insert(token) }
    let goesOn = task.listener.generated(task.index, token, score, ends: ends)
    if ends || !goesOn { return end(.stop) }
    if count == task.maximumTokens { end(.length) }
  }

  func end(_ reason: EndReason) {
    hasEnded = true
    task.listener.ended(task.index, reason)
  }
}
