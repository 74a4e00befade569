import Tensors

#if canImport(Glibc)
  import Glibc
#endif

extension CrossEntropy {
  static func logProbability(
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
