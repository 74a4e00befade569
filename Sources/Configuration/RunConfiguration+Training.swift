import Host
import Kernels
import Optimization
import Transformer

extension RunConfiguration {
  /// The run: how long, in which batches, and how it is computed.
  public struct TrainingSection: Sendable, Equatable {
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
    public let onNotFinite: OnNotFinite
    /// How many steps of the run may be left out before it stops.
    public let maxSkipped: Int
    /// When a step counts as a spike, and is left out; nil for never.
    public let spikeGuard: SpikeGuard?
    /// Steps from one comparison of the ranks' weights to the next; nil for none.
    public let compareWeightsEverySteps: Int?
    /// Seconds after which the run is to be over, saved; nil for no limit.
    public let timeLimit: Double?
    /// Seconds that a step may take, or a rank be silent; nil for no limit.
    public let watchdogSeconds: Double?

    /// What becomes of a step whose loss or gradient is not finite.
    public enum OnNotFinite: String, Sendable, CaseIterable {
      /// The run ends before the update.
      case stop
      /// The update is left out, and the run goes on with the next batch.
      case skip
    }

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let count = 1...ConfigurationLimit.count
      steps = try section.integer("steps", default: 1000, in: count, "Optimizer steps of the whole run.")
      globalBatchSize = try section.integer(
        "global_batch_size", locked: true, default: 32, in: count,
        "Sequences of one step, over all ranks: a multiple of `micro_batch_size` × ranks.")
      microBatchSize = try section.integer(
        "micro_batch_size", locked: true, default: 4, in: count,
        "Sequences that a rank takes through the model at once. Memory grows with it.")
      gradientClip = try section.numberOrNull(
        "gradient_clip", locked: true, default: 1, in: .above(0, to: 1e9),
        "The gradient is scaled down to this norm where it is longer; null for never.")
      zLoss = try section.number(
        "z_loss", locked: true, default: 1e-5, in: .from(0, to: 1000),
        "The weight of mean(logsumexp(logits)²) in the loss; 0 for none.")
      precision = try section.choice(
        "precision", locked: true, default: .fp32,
        "What matrix products take: `fp32`, or `bf16`, which saves memory and, on a processor with bf16 arithmetic, "
          + "time. Weights, moments, norms, softmax and all sums are fp32 in both.")
      threads = try section.integerOrNull(
        "threads", in: 1...4096,
        "Threads of each rank; null shares out the node's cores, or what a control group leaves of their time, to the "
          + "node's ranks.")
      recompute = try section.choice(
        "recompute", default: Recompute.none,
        "`none` keeps all activations for the backward pass; `block` keeps each block's input and computes the rest "
          + "again: less memory, about a third more arithmetic, the same bits.")
      reproducible = try section.boolean(
        "reproducible", default: true,
        "Whether the results are the same, bit for bit, on any number of ranks: gradients are then summed micro-batch "
          + "by micro-batch over all ranks. Without it each rank sums its own first, which sends less; the bits then are "
          + "the same for the same number of ranks alone.")
      onNotFinite = try section.choice(
        "on_not_finite", default: OnNotFinite.stop,
        "What becomes of a step whose loss or gradient is not finite: `stop` ends the run before the update, with exit "
          + "status 70; `skip` leaves the update out, says so, and goes on with the next batch.")
      maxSkipped = try section.integer(
        "max_skipped", default: 10, in: 0...ConfigurationLimit.count,
        "How many steps of a run may be left out, because they were not finite or by `spike_guard`; at the next one it "
          + "stops.")
      spikeGuard = try section.orNull(
        SpikeGuard.key(
          "spike_guard",
          "Leaves out the update of a step whose loss or gradient norm lies more than `z_score` standard deviations "
            + "above the mean of the last `window` steps, 128 if not said, as soon as there are so many. A number alone "
            + "is the `z_score`; null for no guard."))
      compareWeightsEverySteps = try section.integerOrNull(
        "compare_weights_every_steps", default: 100, in: count,
        "Steps after which the ranks compare a hash of their weights, as they also do before each checkpoint; where they "
          + "differ, the run ends with exit status 70. Null for checkpoints alone.")
      timeLimit = try section.orNull(
        TimeLimit.key(
          "time_limit",
          "The run saves and stops, with exit status 75, so that it is over so long after its start: a step and a "
            + "checkpoint ahead, as long as they have taken so far. Seconds, or `\"[days-]hours:minutes:seconds\"`."))
      watchdogSeconds = try section.numberOrNull(
        "watchdog_seconds", default: nil, in: .from(1, to: 1e6),
        "A step that takes longer, or a rank whose process gives no sign of life for so long, ends the job, with what each "
          + "rank was doing and exit status 69. To be well above the longest step. Null for no watch.")
    }
  }
}
