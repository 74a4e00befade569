import Kernels

/// A token's log-probability before temperature, and the most likely tokens at its position.
struct TokenScore: Sendable, Equatable {
  struct Candidate: Sendable, Equatable {
    let token: Int32
    let logProbability: Float
  }

  let logProbability: Float
  /// In descending order of probability, then ascending token ids.
  let likeliest: [Candidate]

  /// - Parameters:
  ///   - logits: [V].
  ///   - count: the number of most likely tokens.
  init(of token: Int32, _ logits: UnsafeBufferPointer<Float>, likeliest count: Int) {
    let (highest, logSum) = kernels.crossEntropy.logSumExp(logits)
    func logProbability(_ token: Int) -> Float { logits[token] - highest - logSum }
    self.logProbability = logProbability(Int(token))
    likeliest = TokenScore.highest(min(count, logits.count), of: logits).map {
      Candidate(token: Int32($0), logProbability: logProbability($0))
    }
  }

  /// The indices of the `count` highest values, in descending order. Efficient for small counts.
  private static func highest(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [Int] {
    guard count > 0 else { return [] }
    var best: [Int] = []
    best.reserveCapacity(count + 1)
    var least = -Float.infinity
    for index in values.indices where best.count < count || values[index] > least {
      let value = values[index]
      let place = best.firstIndex { values[$0] < value } ?? best.count
      best.insert(index, at: place)
      if best.count > count { best.removeLast() }
      least = values[best[best.count - 1]]
    }
    return best
  }
}
