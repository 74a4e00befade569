import Foundation

extension ReferenceModel {
  /// The two parts of the loss, each a mean over all target tokens of the batch.
  ///
  /// crossEntropy = mean(−log p(next token)), in nats; zTerm = zLoss·mean(logsumexp(logits)²), the logged value.
  ///
  /// - Parameters:
  ///   - sequences: T + 1 tokens each, whose first T are inputs and whose last T are targets; T may differ.
  ///   - starts: for each sequence, the positions where documents start. A token that starts a document is not a
  ///     target.
  public func loss(
    sequences: [[Int]], starts: [[Int]] = [], zLoss: Double = 0
  ) -> (crossEntropy: Double, zTerm: Double) {
    let result = lossAndGradient(sequences: sequences, starts: starts, zLoss: zLoss)
    return (result.crossEntropy, result.zTerm)
  }

  /// The gradient of crossEntropy + zTerm for every parameter, in the shape of `weights`.
  public func gradient(sequences: [[Int]], starts: [[Int]] = [], zLoss: Double = 0) -> Gradient {
    lossAndGradient(sequences: sequences, starts: starts, zLoss: zLoss).gradient
  }

  /// `loss` and `gradient` from one pass.
  ///
  /// With p = softmax(logits) and N target tokens, the derivative by a row of logits is
  /// (p − onehot(target) + 2·zLoss·logsumexp·p) / N.
  public func lossAndGradient(
    sequences: [[Int]], starts: [[Int]] = [], zLoss: Double = 0
  ) -> (crossEntropy: Double, zTerm: Double, gradient: Gradient) {
    let starts = starts.isEmpty ? sequences.map { _ in [] } : starts
    func counts(_ sequence: Int, _ position: Int) -> Bool { !starts[sequence].contains(position + 1) }
    let targets = sequences.indices.reduce(0.0) { sum, index in
      sum + Double(sequences[index].indices.dropLast().count { counts(index, $0) })
    }
    var (crossEntropy, squares) = (0.0, 0.0)
    var gradient: Gradient = [:]
    for (index, sequence) in sequences.enumerated() {
      let tokens = Array(sequence.dropLast())
      let trace = forward(tokens, starts: starts[index])
      var dLogits = Matrix(zeros: trace.logits.rows, trace.logits.columns)
      for (n, logits) in trace.logits.nested.enumerated() where counts(index, n) {
        let (target, logNormalizer) = (sequence[n + 1], logSumExp(logits))
        crossEntropy += logNormalizer - logits[target]
        squares += logNormalizer * logNormalizer
        for v in logits.indices {
          dLogits[n, v] = (1 + 2 * zLoss * logNormalizer) * exp(logits[v] - logNormalizer) / targets
        }
        dLogits[n, target] -= 1 / targets
      }
      backward(trace, tokens: tokens, dLogits: dLogits, into: &gradient)
    }
    return (crossEntropy / targets, zLoss * squares / targets, gradient)
  }
}
