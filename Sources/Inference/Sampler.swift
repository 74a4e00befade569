import Foundation
import Host

/// How the next token is sampled from the logits.
///
/// Applied in the order of `transformers`: repetition penalty, temperature, top-k, top-p, min-p.
public struct Sampling: Sendable, Equatable {
  /// 0 always selects the most likely token.
  public var temperature: Float = 1
  /// Only the k most likely tokens; nil for all.
  public var topK: Int?
  /// Only the fewest tokens whose probabilities sum to at least p.
  public var topP: Float = 1
  /// Only tokens with at least this fraction of the most likely token's probability.
  public var minP: Float = 0
  /// Positive logits of tokens that occurred before are divided by it, negative ones multiplied (Keskar et al., arXiv
  /// 1909.05858).
  public var repetitionPenalty: Float = 1

  public init(
    temperature: Float = 1, topK: Int? = nil, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
  }

  public static let greedy = Sampling(temperature: 0)
}

/// Samples tokens. The same seed and the same logits give the same tokens.
public struct Sampler: Sendable {
  public let sampling: Sampling
  /// The state of the SplitMix64 generator.
  private var state: UInt64

  public init(_ sampling: Sampling, seed: UInt64 = 0) {
    self.sampling = sampling
    state = seed
  }

  /// Samples the next token. Its log-probability is the model's, before penalty and temperature.
  ///
  /// - Parameter seen: the tokens that the repetition penalty applies to.
  public mutating func next(
    _ logits: UnsafeBufferPointer<Float>, seen: Set<Int32>
  ) -> (token: Int32, logProbability: Float) {
    let token = choose(logits, seen: seen)
    return (token, Self.logProbability(Int(token), logits))
  }

  /// Samples the next token without its log-probability.
  public mutating func choose(_ logits: UnsafeBufferPointer<Float>, seen: Set<Int32>) -> Int32 {
    var scores = Array(logits)
    if sampling.repetitionPenalty != 1 {
      for token in seen {
        let score = scores[Int(token)]
        scores[Int(token)] = score > 0 ? score / sampling.repetitionPenalty : score * sampling.repetitionPenalty
      }
    }
    return Int32(sampling.temperature == 0 ? likeliest(scores) : draw(scores))
  }

  /// log p of a token.
  public static func logProbability(_ token: Int, _ logits: UnsafeBufferPointer<Float>) -> Float {
    let highest = logits.max() ?? 0
    let sum = logits.reduce(0.0) { $0 + exp(Double($1 - highest)) }
    return logits[token] - highest - Float(log(sum))
  }

  /// The token with the highest score, the first of equal ones.
  private func likeliest(_ scores: [Float]) -> Int {
    var best = 0
    for index in scores.indices where scores[index] > scores[best] { best = index }
    return best
  }

  /// Samples a token from the distribution that temperature, top-k, top-p and min-p define.
  private mutating func draw(_ scores: [Float]) -> Int {
    let highest = scores.max() ?? 0
    var weights = scores.map { exp(Double(($0 - highest) / sampling.temperature)) }
    if let topK = sampling.topK, topK < weights.count { keep(topK, of: &weights) }
    if sampling.topP < 1 { keepNucleus(of: &weights) }
    // The most likely token has weight 1.
    if sampling.minP > 0 {
      for index in weights.indices where weights[index] < Double(sampling.minP) { weights[index] = 0 }
    }
    var rest = uniform() * weights.reduce(0, +)
    var last = 0
    for (index, weight) in weights.enumerated() where weight > 0 {
      rest -= weight
      if rest < 0 { return index }
      last = index
    }
    return last
  }

  /// Sets all but the `count` largest weights to 0; of equal ones the first are kept.
  private func keep(_ count: Int, of weights: inout [Double]) {
    let least = Self.largest(max(1, count), of: weights)
    var ties = max(1, count) - weights.count { $0 > least }
    for index in weights.indices where weights[index] <= least {
      if weights[index] == least && ties > 0 { ties -= 1 } else { weights[index] = 0 }
    }
  }

  /// The `rank`-th largest value, from 1, by Hoare's selection algorithm.
  private static func largest(_ rank: Int, of values: [Double]) -> Double {
    var values = values
    var (low, high) = (0, values.count - 1)
    while low < high {
      let pivot = values[(low + high) / 2]
      var (left, right) = (low, high)
      while left <= right {
        while values[left] > pivot { left += 1 }
        while values[right] < pivot { right -= 1 }
        if left <= right {
          values.swapAt(left, right)
          left += 1
          right -= 1
        }
      }
      if rank - 1 <= right { high = right } else if rank - 1 >= left { low = left } else { break }
    }
    return values[rank - 1]
  }

  /// Sets all weights to 0 but the fewest largest ones that sum to at least p of the total.
  private func keepNucleus(of weights: inout [Double]) {
    let total = weights.reduce(0, +)
    // All weights below `least` together are less than 1 − p of the total, so they need not be sorted.
    let least = (1 - Double(sampling.topP)) * total / Double(weights.count)
    let order = weights.indices.filter { weights[$0] >= least && weights[$0] > 0 }
      .sorted { weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 < $1 }
    var reached = 0.0
    var kept = [Double](repeating: 0, count: weights.count)
    for index in order {
      kept[index] = weights[index]
      reached += weights[index]
      if reached >= Double(sampling.topP) * total { break }
    }
    weights = kept
  }

  /// The next uniform number in [0, 1), with 53 bits.
  private mutating func uniform() -> Double {
    defer { state &+= SplitMix64.increment }
    return Double(SplitMix64.mixed(state) >> 11) * 0x1p-53
  }
}
