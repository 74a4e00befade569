import JSON
import Transformer

extension RunConfiguration {
  /// AdamW with bias correction and decoupled weight decay.
  public struct Optimizer: Sendable, Equatable {
    /// The highest learning rate; the schedule scales it.
    public let learningRate: Double
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Double
    public let weightDecay: Double
    /// Names and globs of the parameters that do not decay.
    public let noWeightDecay: [String]
    /// Whether each rank keeps the moments of a part of the parameters, and updates that part.
    public let sharded: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      learningRate = try section.number(
        "learning_rate", default: 1e-3, in: .from(0, to: 1000), "The highest learning rate; the schedule scales it.")
      beta1 = try section.number(
        "beta1", default: 0.9, in: .from(0, below: 1), "The decay of the gradient's running mean.")
      beta2 = try section.number(
        "beta2", default: 0.95, in: .from(0, below: 1), "The decay of the squared gradient's running mean.")
      epsilon = try section.number(
        "epsilon", default: 1e-8, in: .from(1e-30, to: 1), "What is added to the root of the second moment.")
      weightDecay = try section.number(
        "weight_decay", default: 0.1, in: .from(0, to: 1000),
        "Each step takes learning rate × `weight_decay` × the weight off a weight.")
      noWeightDecay = try section.strings(
        "no_weight_decay", default: ["model.embed_tokens.weight"],
        "Parameters that do not decay: names, and globs with `*` and `?`, such as `*norm.weight`. One that matches no "
          + "parameter is an error.")
      sharded = try section.boolean(
        "sharded", default: false,
        "Whether the ranks share out the moments and the update (ZeRO-1, arXiv 1910.02054): of the 16 bytes a parameter "
          + "that weights, gradients and moments take on each rank, the moments' 8 become 8 / ranks. Same bits, same "
          + "checkpoints.")
    }
  }

  /// Whether weight decay is applied to the parameter of that name.
  public func decays(_ tensorName: String) -> Bool {
    !optimizer.noWeightDecay.contains { Glob($0).matches(tensorName) }
  }

  /// The first of `no_weight_decay` that matches no parameter, in words; nil where all do.
  var noWeightDecayFault: String? {
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

/// A pattern in which `*` stands for any characters and `?` for one.
struct Glob {
  private let pattern: [Unicode.Scalar]

  init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

  /// O(|pattern|·|name|) at worst.
  func matches(_ name: String) -> Bool {
    let name = Array(name.unicodeScalars)
    var (p, n) = (0, 0)
    // The last star, and how far the name was when it took nothing: where a later part does not fit, it takes more.
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == "*" {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        p = last.pattern + 1
        n = last.name + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
