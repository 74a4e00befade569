/// RMSNorm(x) = w ⊙ x / sqrt(mean(x²) + ε), row by row (Zhang and Sennrich, arXiv 1910.07467).
///
/// x may be bf16; all arithmetic, sums included, is fp32.
public protocol RMSNormKernel {
  /// y ← RMSNorm(x), plus `residual` if given; x, y and residual [rows, columns], weight [columns]. y and residual are fp32.
  static func forward(
    _ y: Matrix, _ x: Matrix, weight: UnsafePointer<Float>, epsilon: Float, residual: Matrix?, on team: ThreadTeam)

  /// x ← the gradient of x, given `dy`, the gradient of RMSNorm(x); weightGradient += the gradient of the weight.
  ///
  /// x is not needed afterwards, so its gradient overwrites it. dy is fp32.
  static func backward(
    inPlace x: Matrix, dy: Matrix, weight: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
    epsilon: Float, sums: RowSums, on team: ThreadTeam)

  /// dx += the gradient of x, given `dy`, the gradient of RMSNorm(x); weightGradient += the gradient of the weight. All are
  /// fp32.
  static func backward(
    addingTo dx: Matrix, _ x: Matrix, dy: Matrix, weight: UnsafePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>, epsilon: Float, sums: RowSums, on team: ThreadTeam)
}

extension RMSNormKernel {
  /// y ← RMSNorm(x).
  public static func forward(
    _ y: Matrix, _ x: Matrix, weight: UnsafePointer<Float>, epsilon: Float, on team: ThreadTeam
  ) { forward(y, x, weight: weight, epsilon: epsilon, residual: nil, on: team) }
}

/// silu(gate) ⊙ up (Shazeer, arXiv 2002.05202), on rows that contain the gate's f columns and then the up's f columns.
///
/// All matrices of a call are fp32, or all are bf16.
public protocol SwiGLUKernel {
  /// activation ← silu(gate) ⊙ up; gateUp [rows, 2f], activation [rows, f].
  static func forward(_ activation: Matrix, _ gateUp: Matrix, on team: ThreadTeam)

  /// The backward pass, in place: gateUp ← its gradient; `gradient`, which contains the activation's gradient, ← the
  /// activation.
  ///
  /// The next weight gradient needs the activation, which therefore is not kept from the forward pass.
  static func backward(gateUp: Matrix, gradient: Matrix, on team: ThreadTeam)
}

/// Looks up each token's row of the embedding table, once for every copy.
public protocol EmbeddingKernel {
  /// x ← table[token], in `copies` segments of `tokens.count` rows each; table [V, d], fp32 or bf16, x
  /// [copies·tokens, d].
  static func forward(
    _ x: Matrix, table: Matrix, tokens: UnsafeBufferPointer<Int32>, copies: Int, on team: ThreadTeam)

  /// tableGradient[token] += the rows of dx, of all copies, in the order of the rows. The columns are distributed among the
  /// threads.
  static func backward(
    _ dx: Matrix, tableGradient: Matrix, tokens: UnsafeBufferPointer<Int32>, copies: Int, on team: ThreadTeam)
}

/// The sum of the residual stream and a layer's output, for architectures without a norm between them.
public protocol ResidualSumKernel {
  /// y ← x + addend; all [rows, columns], x and y fp32, the addend fp32 or bf16. y may be x.
  static func forward(_ y: Matrix, _ x: Matrix, _ addend: Matrix, on team: ThreadTeam)
}

/// Cross-entropy of rows of logits, and the logsumexp that the z-loss needs.
public protocol CrossEntropyKernel {
  /// Writes each row's loss, −log p(target), and its logsumexp, both in nats; logits [rows, V].
  ///
  /// If `gradient` [rows, V] is not nil, it receives the gradient of Σ (loss + zWeight · logsumexp²) over the rows:
  /// softmax · (1 + 2 · zWeight · logsumexp) − onehot(target). The logits are then overwritten; an fp32 gradient may share
  /// their memory. A row with a negative target is ignored: its loss, logsumexp and gradient are zero.
  static func rows(
    _ logits: Matrix, targets: UnsafePointer<Int32>, losses: UnsafeMutablePointer<Float>,
    logSumExps: UnsafeMutablePointer<Float>, gradient: Matrix?, zWeight: Float, on team: ThreadTeam)

  /// A row's logsumexp in two terms: the highest logit, and the logarithm of the sum of exp(logit − highest).
  ///
  /// A log-probability is (logit − highest) − logSum. Subtracting the terms in this order loses the least precision.
  static func logSumExp(_ row: UnsafeBufferPointer<Float>) -> (highest: Float, logSum: Float)

  /// log p of one token under one row of logits [V], in nats, and whether it is the likeliest token. Of equally likely
  /// tokens, the first counts as the likeliest.
  ///
  /// The softmax's sum is fp32 within blocks of 1024 logits, and double over the blocks.
  static func logProbability(
    of token: Int, _ logits: UnsafeBufferPointer<Float>
  ) -> (logProbability: Double, isLikeliest: Bool)

  /// The entropy of softmax(row) in nats: log Σ e^z − Σ z e^z / Σ e^z, with z = logit − highest logit.
  static func entropy(_ row: UnsafeBufferPointer<Float>) -> Float
}

/// The arithmetic of Adam with decoupled weight decay.
public protocol AdamWKernel {
  /// One update of `count` parameters p with gradients g and moments m and v:
  ///
  /// m ← m·beta1 + g·scale·fresh1; v ← v·beta2 + (g·scale)²·fresh2; p ← p·kept − m·rate / (√v·root + epsilon).
  ///
  /// - Parameter leavesChange: whether to overwrite the gradient with each parameter's change.
  static func update(
    _ p: UnsafeMutablePointer<Float>, _ g: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>,
    _ v: UnsafeMutablePointer<Float>, count: Int, _ coefficients: AdamWCoefficients, leavesChange: Bool)
}

/// The factors of one step of AdamW, see ``AdamWKernel``.
public struct AdamWCoefficients: Sendable {
  package let beta1: Float
  package let beta2: Float
  package let fresh1: Float
  package let fresh2: Float
  package let epsilon: Float
  package let scale: Float
  package let kept: Float
  package let rate: Float
  package let root: Float

  package init(
    beta1: Float, beta2: Float, fresh1: Float, fresh2: Float, epsilon: Float, scale: Float, kept: Float, rate: Float,
    root: Float
  ) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.fresh1 = fresh1
    self.fresh2 = fresh2
    self.epsilon = epsilon
    self.scale = scale
    self.kept = kept
    self.rate = rate
    self.root = root
  }
}
