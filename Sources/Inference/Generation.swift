import Kernels

/// The tokens generated for one prompt.
public struct GeneratedSequence: Sendable {
  public var tokens: [Int32] = []
  /// The log-probability of each token under the model, before temperature and other sampling settings.
  public var logProbabilities: [Float] = []
}

/// Generates tokens for a batch of prompts.
public struct Generation {
  let decoder: Decoder
  public var maximumTokens: Int
  public var sampling: Sampling
  public var seed: UInt64
  /// Tokens that end a sequence. They are not part of the result.
  public var endTokens: Set<Int32>

  public init(
    _ decoder: Decoder, maximumTokens: Int, sampling: Sampling, seed: UInt64 = 0, endTokens: Set<Int32> = []
  ) {
    self.decoder = decoder
    self.maximumTokens = maximumTokens
    self.sampling = sampling
    self.seed = seed
    self.endTokens = endTokens
  }

  /// Generates tokens for each prompt. Each prompt has a random generator of its own, so its result does not depend on
  /// the other prompts.
  ///
  /// - Parameters:
  ///   - seconds: a clock, in seconds.
  ///   - onToken: called with each token; returns whether to continue the sequence.
  /// - Precondition: no prompt is empty, and all tokens are below V.
  /// - Throws: `InferenceError`, `.notFinite`, if the model's logits are not finite.
  public func run(
    _ prompts: [[Int32]], seconds: () -> Double, onToken: (_ sequence: Int, _ token: Int32) -> Bool
  ) throws -> (sequences: [GeneratedSequence], prefillSeconds: Double, decodeSeconds: Double) {
    let caches = prompts.map { KVCache(for: decoder.model, capacity: $0.count + max(1, maximumTokens)) }
    var results = prompts.map { _ in GeneratedSequence() }
    var samplers = prompts.indices.map { Sampler(sampling, seed: seed &+ UInt64($0)) }
    var seen = prompts.map { Set($0) }
    var open = Array(prompts.indices)
    var next = prompts
    let start = seconds()
    var prefillEnd = start
    for step in 0..<maximumTokens where !open.isEmpty {
      var continuing: [Int] = []
      try decoder.extend(open.map { caches[$0] }, by: next) { index, position, logits in
        let sequence = open[index]
        guard logits.areFinite else {
          throw InferenceError.brokenLogits("prompt \(sequence + 1), after \(position + 1) tokens")
        }
        let choice = samplers[sequence].next(logits, seen: seen[sequence])
        if endTokens.contains(choice.token) { return }
        results[sequence].tokens.append(choice.token)
        results[sequence].logProbabilities.append(choice.logProbability)
        seen[sequence].insert(choice.token)
        if onToken(sequence, choice.token) { continuing.append(sequence) }
      }
      if step == 0 { prefillEnd = seconds() }
      open = continuing
      next = continuing.map { [results[$0].tokens[results[$0].tokens.count - 1]] }
    }
    return (results, prefillEnd - start, seconds() - prefillEnd)
  }
}
