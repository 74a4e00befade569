import Kernels
import Transformer

extension RunConfiguration {
  /// The run: how long, in which batches, and how it is computed.
  public struct Training: Sendable, Equatable {
    /// Optimizer steps of the whole run.
    public let steps: Int
    /// Sequences of one step, over all ranks.
    public let globalBatchSize: Int
    /// Sequences that a rank takes through the model at once.
    public let microBatchSize: Int
    /// The largest norm of the gradient; nil for none.
    public let gradientClip: Double?
    /// The weight of mean(logsumexp²) in the loss.
    public let zLoss: Double
    /// What the operands and results of matrix products are kept as.
    public let precision: ElementType
    /// Threads of a rank; nil for the node's cores shared out to its ranks.
    public let threads: Int?
    public let recompute: Recompute
    /// Whether the bits are the same on any number of ranks.
    public let reproducible: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let count = 1...ConfigurationLimit.count
      steps = try section.integer("steps", default: 1000, in: count, "Optimizer steps of the whole run.")
      globalBatchSize = try section.integer(
        "global_batch_size", default: 32, in: count,
        "Sequences of one step, over all ranks: a multiple of `micro_batch_size` × ranks.")
      microBatchSize = try section.integer(
        "micro_batch_size", default: 4, in: count,
        "Sequences that a rank takes through the model at once. Memory grows with it.")
      gradientClip = try section.numberOrNull(
        "gradient_clip", default: 1, in: .above(0, to: 1e9),
        "The gradient is scaled down to this norm where it is longer; null for never.")
      zLoss = try section.number(
        "z_loss", default: 1e-5, in: .from(0, to: 1000),
        "The weight of mean(logsumexp(logits)²) in the loss; 0 for none.")
      precision = try section.choice(
        "precision", default: .fp32,
        "What matrix products take: `fp32`, or `bf16`, which saves memory and, on a processor with bf16 arithmetic, "
          + "time. Weights, moments, norms, softmax and all sums are fp32 in both.")
      threads = try section.integerOrNull(
        "threads", in: 1...4096, "Threads of each rank; null shares the node's cores out to the node's ranks.")
      recompute = try section.choice(
        "recompute", default: Recompute.none,
        "`none` keeps all activations for the backward pass; `block` keeps each block's input and computes the rest "
          + "again: less memory, about a third more arithmetic, the same bits.")
      reproducible = try section.boolean(
        "reproducible", default: true,
        "Whether the results are the same, bit for bit, on any number of ranks: gradients are then summed micro-batch "
          + "by micro-batch over all ranks. Without it each rank sums its own first, which sends less; the bits then are "
          + "the same for the same number of ranks alone.")
    }
  }
}
