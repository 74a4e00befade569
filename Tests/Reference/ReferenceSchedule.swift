import Foundation

/// The learning rate as a pure function of the step s = 1, 2, ….
public struct ReferenceSchedule: Sendable, Hashable {
  /// The shape after the warmup, with the names of the configuration key `schedule.kind`.
  public enum Kind: String, Sendable, CaseIterable {
    case cosine, wsd, constant
  }

  public var kind: Kind
  /// The highest learning rate.
  public var learningRate: Double
  public var warmupSteps: Int
  /// The number of steps of the run, at whose end `cosine` and `wsd` end.
  public var steps: Int
  /// The last step's rate as a fraction of the highest, for `cosine` and `wsd`.
  public var finalFraction: Double
  /// The length of `wsd`'s decay, in steps.
  public var decaySteps: Int

  public init(
    _ kind: Kind, learningRate: Double, warmupSteps: Int = 0, steps: Int, finalFraction: Double = 0.1,
    decaySteps: Int = 0
  ) {
    self.kind = kind
    self.learningRate = learningRate
    self.warmupSteps = warmupSteps
    self.steps = steps
    self.finalFraction = finalFraction
    self.decaySteps = decaySteps
  }

  /// The rate of step s:
  ///
  ///     lr·s/warmup                                         up to the warmup's end
  ///     lr·(final + (1 − final)·½(1 + cos πu))              cosine, u = (s − warmup)/(steps − warmup)
  ///     lr·(1 − (1 − final)·(s − start)/decay)              wsd, after start = steps − decay; lr before
  ///     lr                                                  constant
  public func rate(step s: Int) -> Double {
    if s <= warmupSteps {
      return learningRate * Double(s) / Double(warmupSteps)
    }
    switch kind {
    case .cosine:
      let u = Double(s - warmupSteps) / Double(steps - warmupSteps)
      return learningRate * (finalFraction + (1 - finalFraction) * 0.5 * (1 + cos(Double.pi * u)))
    case .wsd:
      let start = steps - decaySteps
      if s <= start { return learningRate }
      return learningRate * (1 - (1 - finalFraction) * Double(s - start) / Double(decaySteps))
    case .constant:
      return learningRate
    }
  }
}
