import JSON
import Optimization
import Transformer

extension RunConfiguration {
  /// AdamW with bias correction and decoupled weight decay.
  public struct OptimizerSection: Sendable, Equatable {
    /// The peak learning rate, which the schedule scales.
    public let learningRate: Double
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Double
    public let weightDecay: Double
    /// Names and globs of the parameters without weight decay.
    public let noWeightDecay: [String]
    /// Whether each rank stores the moments of a part of the parameters and updates only that part.
    public let sharded: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      learningRate = try section.number(
        "learning_rate", locked: true, default: 1e-3, in: .from(0, to: 1000),
        "The peak learning rate, which the schedule scales.")
      beta1 = try section.number(
        "beta1", locked: true, default: 0.9, in: .from(0, below: 1), "The decay of the gradient's running mean.")
      beta2 = try section.number(
        "beta2", locked: true, default: 0.95, in: .from(0, below: 1),
        "The decay of the squared gradient's running mean.")
      epsilon = try section.number(
        "epsilon", locked: true, default: 1e-8, in: .from(1e-30, to: 1),
        "ε, which is added to the square root of the second moment.")
      weightDecay = try section.number(
        "weight_decay", locked: true, default: 0.1, in: .from(0, to: 1000),
        "Each step subtracts learning rate × `weight_decay` × weight from a weight.")
      noWeightDecay = try section.strings(
        "no_weight_decay", locked: true, default: ["model.embed_tokens.weight"],
        "Parameters without weight decay: names, and globs with `*` and `?`, such as `*norm.weight`. One that matches "
          + "no parameter is an error.")
      sharded = try section.boolean(
        "sharded", default: false,
        "Whether to shard the optimizer state and the update over the ranks (ZeRO-1, arXiv 1910.02054). Each rank then "
          + "needs 8 + 8 / ranks bytes per parameter for weights, gradients and moments instead of 16. Results and "
          + "checkpoints are the same, bit for bit.")
    }
  }

  /// The optimizer of the run.
  public func makeOptimizer() -> any Optimizer {
    AdamWOptimizer(
      beta1: optimizer.beta1, beta2: optimizer.beta2, epsilon: optimizer.epsilon, weightDecay: optimizer.weightDecay,
      withoutDecay: parametersWithoutDecay)
  }

  /// The names of the parameters that match `no_weight_decay`.
  var parametersWithoutDecay: Set<String> {
    let globs = optimizer.noWeightDecay.map { Glob($0) }
    let names = ParameterLayout(model).tensors.map(\.name)
    return Set(names.filter { name in globs.contains { $0.matches(name) } })
  }

  /// A message about the first entry of `no_weight_decay` that matches no parameter; nil if all match.
  var noWeightDecayError: String? {
    let names = ParameterLayout(model).tensors.map(\.name)
    for pattern in optimizer.noWeightDecay {
      let glob = Glob(pattern)
      if names.contains(where: glob.matches) { continue }
      let nearest = Spelling.nearest(to: pattern, among: names) ?? ""
      return "optimizer.no_weight_decay: \(quoted(pattern)) matches no parameter: remove it, or write a name such as "
        + "\(quoted(nearest))"
    }
    return nil
  }
}
