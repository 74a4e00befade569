#if canImport(Glibc)
  import Glibc
#endif

extension CrossEntropy {
  /// log p of one token under one row of logits [V], nats, and whether it is the likeliest: of equal ones the first.
  ///
  /// The softmax's sum is in fp32 over a block of the row and in double over the blocks.
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
      sum += Double(expSum(row + first, less: highest, count: min(block, logits.count - first)))
    }
    let isLikeliest = row[token] == highest && !logits[..<token].contains(highest)
    return (Double(row[token] - highest) - log(sum), isLikeliest)
  }
}
