import Foundation

/// Clipping by the global norm and AdamW with bias correction and decoupled decay, in double precision.
public struct ReferenceAdamW: Sendable {
  public var schedule: ReferenceSchedule
  public var beta1: Double
  public var beta2: Double
  public var epsilon: Double
  public var weightDecay: Double
  /// The names of parameters without weight decay; no patterns.
  public var noWeightDecay: Set<String>
  /// The maximum global norm; nil for no clipping.
  public var gradientClip: Double?

  public init(
    schedule: ReferenceSchedule, beta1: Double = 0.9, beta2: Double = 0.95, epsilon: Double = 1e-8,
    weightDecay: Double = 0.1, noWeightDecay: Set<String> = ["model.embed_tokens.weight"], gradientClip: Double? = 1
  ) {
    self.schedule = schedule
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.noWeightDecay = noWeightDecay
    self.gradientClip = gradientClip
  }

  /// The state of the optimizer, with the shapes of the parameters. A missing name means zeros.
  public struct State: Sendable, Equatable {
    /// The number of completed steps.
    public var step = 0
    /// m, `exp_avg` of a checkpoint.
    public var firstMoment: [String: [Double]] = [:]
    /// v, `exp_avg_sq` of a checkpoint.
    public var secondMoment: [String: [Double]] = [:]

    public init() {}
  }

  /// The results of a short training run.
  public struct Run: Sendable {
    /// For each step, before its update: cross-entropy, z term, and the gradient's norm before clipping.
    public var losses: [Double] = []
    public var zTerms: [Double] = []
    public var gradientNorms: [Double] = []
    /// The learning rate of each step.
    public var learningRates: [Double] = []
    /// After the last step.
    public var model: ReferenceModel
    public var state = State()
  }

  /// The square root of the sum of all squares over all parameters.
  public static func globalNorm(_ gradient: [String: [Double]]) -> Double {
    // Sorted, because a dictionary's order, and with it the last bits of the sum, differs between processes.
    gradient.sorted { $0.key < $1.key }.reduce(0) { sum, entry in entry.value.reduce(sum) { $0 + $1 * $1 } }
      .squareRoot()
  }

  /// Updates the weights in place and returns the gradient's norm before clipping.
  ///
  ///     g ← g·min(1, clip / (norm + 1e-6))
  ///     m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  m̂ = m / (1 − β₁ˢ),  v̂ = v / (1 − β₂ˢ)
  ///     p ← p − lr·(m̂ / (√v̂ + eps) + wd·p)
  @discardableResult
  public func update(_ weights: inout [String: [Double]], gradient: [String: [Double]], state: inout State) -> Double {
    state.step += 1
    let norm = Self.globalNorm(gradient)
    let scale = gradientClip.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    let rate = schedule.rate(step: state.step)
    let correction1 = 1 - pow(beta1, Double(state.step))
    let correction2 = 1 - pow(beta2, Double(state.step))
    for (name, gradient) in gradient {
      let decay = noWeightDecay.contains(name) ? 0 : weightDecay
      let zeros = [Double](repeating: 0, count: gradient.count)
      var p = weights[name, default: zeros]
      var m = state.firstMoment[name] ?? zeros
      var v = state.secondMoment[name] ?? zeros
      for index in gradient.indices {
        let g = gradient[index] * scale
        m[index] = beta1 * m[index] + (1 - beta1) * g
        v[index] = beta2 * v[index] + (1 - beta2) * g * g
        let direction = (m[index] / correction1) / ((v[index] / correction2).squareRoot() + epsilon)
        p[index] -= rate * (direction + decay * p[index])
      }
      weights[name] = p
      state.firstMoment[name] = m
      state.secondMoment[name] = v
    }
    return norm
  }

  /// Trains one step per batch, from an initial optimizer state. A batch consists of sequences of T + 1 tokens.
  public func train(_ model: ReferenceModel, batches: [[[Int]]], zLoss: Double = 0) -> Run {
    var run = Run(model: model)
    for batch in batches {
      let (crossEntropy, zTerm, gradient) = run.model.lossAndGradient(sequences: batch, zLoss: zLoss)
      run.losses.append(crossEntropy)
      run.zTerms.append(zTerm)
      run.gradientNorms.append(update(&run.model.weights, gradient: gradient, state: &run.state))
      run.learningRates.append(schedule.rate(step: run.state.step))
    }
    return run
  }

  /// Trains `steps` steps on the same batch.
  public func train(_ model: ReferenceModel, sequences: [[Int]], zLoss: Double = 0, steps: Int) -> Run {
    train(model, batches: Array(repeating: sequences, count: steps), zLoss: zLoss)
  }
}
