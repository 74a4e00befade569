import Foundation

/// The learning rate as a pure function of the step s = 1, 2, ….
public struct LearningRateSchedule: Sendable, Equatable {
  /// What follows the warm-up.
  public enum Kind: String, Sendable, CaseIterable {
    case cosine, wsd, constant
  }

  public let kind: Kind
  /// The highest rate.
  public let learningRate: Double
  /// The run's steps.
  public let steps: Int
  public let warmupSteps: Int
  /// The last step's rate over the highest.
  public let finalFraction: Double
  /// The length of `wsd`'s decay.
  public let decaySteps: Int

  public init(
    _ kind: Kind, learningRate: Double, steps: Int, warmupSteps: Int = 0, finalFraction: Double = 0.1,
    decaySteps: Int = 0
  ) {
    self.kind = kind
    self.learningRate = learningRate
    self.steps = steps
    self.warmupSteps = warmupSteps
    self.finalFraction = finalFraction
    self.decaySteps = decaySteps
  }

  /// The rate of step s:
  ///
  ///     lr·s/warmup                                         up to the warm-up's end
  ///     lr·(final + (1 − final)·½(1 + cos πu))              cosine, u = (s − warmup)/(steps − warmup)
  ///     lr·(1 − (1 − final)·(s − start)/decay)              wsd, after start = steps − decay; lr before
  ///     lr                                                  constant
  ///
  /// Beyond the last step it stays at the last step's rate.
  public func rate(step s: Int) -> Double {
    if s <= warmupSteps {
      return learningRate * Double(s) / Double(warmupSteps)
    }
    switch kind {
    case .cosine:
      let u = fraction(s - warmupSteps, of: steps - warmupSteps)
      return learningRate * (finalFraction + (1 - finalFraction) * 0.5 * (1 + cos(Double.pi * u)))
    case .wsd:
      let start = steps - decaySteps
      if s <= start { return learningRate }
      return learningRate * (1 - (1 - finalFraction) * fraction(s - start, of: decaySteps))
    case .constant:
      return learningRate
    }
  }

  /// The last step before `wsd`'s decay; nil for other kinds, and where the decay begins with the run.
  public var decayStart: Int? { kind == .wsd && steps > decaySteps ? steps - decaySteps : nil }

  /// At most 1, and 1 where there is no way to go.
  private func fraction(_ gone: Int, of all: Int) -> Double {
    gone < all ? Double(gone) / Double(all) : 1
  }
}
