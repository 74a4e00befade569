import Foundation

extension ReferenceModel {
  /// The two parts of the loss, each a mean over all target tokens of the batch.
  ///
  /// crossEntropy = mean(−log p(next token)), in nats; zTerm = zLoss·mean(logsumexp(logits)²), the value that is logged.
  ///
  /// - Parameter sequences: each T + 1 tokens, T inputs and the T targets one further; their lengths may differ.
  public func loss(sequences: [[Int]], zLoss: Double = 0) -> (crossEntropy: Double, zTerm: Double) {
    let targets = Double(sequences.reduce(0) { $0 + $1.count - 1 })
    var (crossEntropy, squares) = (0.0, 0.0)
    for sequence in sequences {
      for (logits, target) in zip(logits(tokens: sequence.dropLast()), sequence.dropFirst()) {
        let normaliser = logSumExp(logits)
        crossEntropy += normaliser - logits[target]
        squares += normaliser * normaliser
      }
    }
    return (crossEntropy / targets, zLoss * squares / targets)
  }

  /// The gradient of crossEntropy + zTerm by every parameter, shaped as `weights`.
  public func gradient(sequences: [[Int]], zLoss: Double = 0) -> Gradient {
    lossAndGradient(sequences: sequences, zLoss: zLoss).gradient
  }

  /// `loss` and `gradient` from one pass.
  ///
  /// With p = softmax(logits) and N target tokens, the derivative by a row of logits is
  /// (p − onehot(target) + 2·zLoss·logsumexp·p) / N.
  public func lossAndGradient(
    sequences: [[Int]], zLoss: Double = 0
  ) -> (crossEntropy: Double, zTerm: Double, gradient: Gradient) {
    let targets = Double(sequences.reduce(0) { $0 + $1.count - 1 })
    var (crossEntropy, squares) = (0.0, 0.0)
    var gradient: Gradient = [:]
    for sequence in sequences {
      let tokens = Array(sequence.dropLast())
      let trace = forward(tokens)
      var dLogits = trace.logits
      for (n, logits) in trace.logits.nested.enumerated() {
        let (target, normaliser) = (sequence[n + 1], logSumExp(logits))
        crossEntropy += normaliser - logits[target]
        squares += normaliser * normaliser
        for v in logits.indices {
          dLogits[n, v] = (1 + 2 * zLoss * normaliser) * exp(logits[v] - normaliser) / targets
        }
        dLogits[n, target] -= 1 / targets
      }
      backward(trace, tokens: tokens, dLogits: dLogits, into: &gradient)
    }
    return (crossEntropy / targets, zLoss * squares / targets, gradient)
  }
}
