#if canImport(Glibc)
  import Glibc
#endif

extension CrossEntropy {
  /// log p of one token under one row of logits [V], in nats, and whether it is the likeliest token. Of equally likely
  /// tokens, the first counts as the likeliest.
  ///
  /// The softmax's sum is fp32 within blocks of 1024 logits, and double over the blocks.
  public static func logProbability(
    of token: Int, _ logits: UnsafeBufferPointer<Float>
  ) -> (logProbability: Double, isLikeliest: Bool) {
    guard let row = logits.baseAddress, logits.indices.contains(token) else {
      preconditionFailure("token \(token) of \(logits.count)")
    }
    let highest = maximum(row, count: logits.count)
    let block = 1024
    var sum = 0.0
    for first in stride(from: 0, to: logits.count, by: block) {
      sum += Double(expSum(row + first, minus: highest, count: min(block, logits.count - first)))
    }
    let isLikeliest = row[token] == highest && !logits[..<token].contains(highest)
    return (Double(row[token] - highest) - log(sum), isLikeliest)
  }
}
