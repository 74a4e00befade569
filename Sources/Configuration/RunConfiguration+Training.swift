import Host
import Kernels
import Optimization
import Transformer

extension RunConfiguration {
  /// The length of the run, its batches, and how it is computed.
  public struct TrainingSection: Sendable, Equatable {
    /// Optimizer steps of the whole run.
    public let steps: Int
    /// Sequences per step, over all ranks.
    public let globalBatchSize: Int
    /// Sequences that a rank computes at a time.
    public let microBatchSize: Int
    /// The maximal norm of the gradient; nil for no clipping.
    public let gradientClip: Double?
    /// The weight of mean(logsumexp²) in the loss.
    public let zLoss: Double
    /// The element type of the operands and results of matrix products.
    public let precision: ElementType
    /// Threads per rank; nil to divide the node's cores among its ranks.
    public let threads: Int?
    public let recompute: Recompute
    /// Whether results are the same on any number of ranks, bit for bit.
    public let reproducible: Bool
    public let onNotFinite: OnNotFinite
    /// How many steps the run may skip before it stops.
    public let maxSkipped: Int
    /// When a step counts as a spike and is skipped; nil for never.
    public let spikeGuard: SpikeGuard?
    /// Steps between comparisons of the ranks' weights; nil for none.
    public let compareWeightsEverySteps: Int?
    /// Seconds after the start at which the run must have saved and ended; nil for no limit.
    public let timeLimit: Double?
    /// Maximal seconds of a step, or without a message from a rank; nil for no limit.
    public let watchdogSeconds: Double?

    /// What to do with a step whose loss or gradient is not finite.
    public enum OnNotFinite: String, Sendable, CaseIterable {
      /// End the run before the update.
      case stop
      /// Skip the update and continue with the next batch.
      case skip
    }

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let count = 1...ConfigurationLimit.count
      steps = try section.integer("steps", default: 1000, in: count, "Optimizer steps of the whole run.")
      globalBatchSize = try section.integer(
        "global_batch_size", locked: true, default: 32, in: count,
        "Sequences per step, over all ranks: a multiple of `micro_batch_size` × ranks.")
      microBatchSize = try section.integer(
        "micro_batch_size", locked: true, default: 4, in: count,
        "Sequences that a rank computes at a time. Memory grows with it.")
      gradientClip = try section.numberOrNull(
        "gradient_clip", locked: true, default: 1, in: .above(0, to: 1e9),
        "The gradient is scaled down to this norm if it is longer; null for no clipping.")
      zLoss = try section.number(
        "z_loss", locked: true, default: 1e-5, in: .from(0, to: 1000),
        "The weight of mean(logsumexp(logits)²) in the loss; 0 for none.")
      precision = try section.choice(
        "precision", locked: true, default: .fp32,
        "The element type of matrix products: `fp32`, or `bf16`, which saves memory and, on a processor with bf16 "
          + "arithmetic, time. Weights, moments, norms, softmax and all sums are fp32 in both.")
      threads = try section.integerOrNull(
        "threads", in: 1...4096,
        "Threads per rank; null divides the node's cores, or the processor time of its control group, among the node's "
          + "ranks.")
      recompute = try section.choice(
        "recompute", default: Recompute.none,
        "`none` keeps all activations for the backward pass; `block` keeps only the input of each block and recomputes "
          + "the rest: less memory, about a third more arithmetic, the same results, bit for bit.")
      reproducible = try section.boolean(
        "reproducible", default: true,
        "Whether the results are the same on any number of ranks, bit for bit: gradients are then summed over all ranks "
          + "micro-batch by micro-batch. Otherwise each rank first sums its own, which sends less, and the results are "
          + "the same only for the same number of ranks.")
      onNotFinite = try section.choice(
        "on_not_finite", default: OnNotFinite.stop,
        "What to do with a step whose loss or gradient is not finite: `stop` ends the run before the update, with exit "
          + "status 70; `skip` skips the update with a warning and continues with the next batch.")
      maxSkipped = try section.integer(
        "max_skipped", default: 10, in: 0...ConfigurationLimit.count,
        "How many steps a run may skip, because they were not finite or because of `spike_guard`. It stops at the next "
          + "one.")
      spikeGuard = try section.orNull(
        SpikeGuard.key(
          "spike_guard",
          "Skips the update of a step whose loss or gradient norm is more than `z_score` standard deviations above the "
            + "mean of the last `window` steps (by default 128), as soon as the run has that many. A number alone is "
            + "the `z_score`; null for no guard."))
      compareWeightsEverySteps = try section.integerOrNull(
        "compare_weights_every_steps", default: 100, in: count,
        "Steps between comparisons of a hash of the ranks' weights, which are also compared before each checkpoint. If "
          + "they differ, the run ends with exit status 70. Null to compare only before checkpoints.")
      timeLimit = try section.orNull(
        TimeLimit.key(
          "time_limit",
          "The run saves and stops, with exit status 75, early enough to end within this time after its start. It "
            + "reserves the time of the longest step and checkpoint so far. Seconds, or "
            + "`\"[days-]hours:minutes:seconds\"`."))
      watchdogSeconds = try section.numberOrNull(
        "watchdog_seconds", default: nil, in: .from(1, to: 1e6),
        "If a step takes longer, or a rank does not respond for this time, the job ends with exit status 69 and prints "
          + "what each rank was doing. Set it well above the longest step. Null for no limit.")
    }
  }
}
