/// The learning rate as a pure function of the step s = 1, 2, ….
public struct LearningRateSchedule: Sendable, Equatable {
  public let kind: ScheduleKind
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
    _ kind: ScheduleKind, learningRate: Double, steps: Int, warmupSteps: Int = 0, finalFraction: Double = 0.1,
    decaySteps: Int = 0
  ) {
    self.kind = kind
    self.learningRate = learningRate
    self.steps = steps
    self.warmupSteps = warmupSteps
    self.finalFraction = finalFraction
    self.decaySteps = decaySteps
  }

  /// The rate of step s: lr · s / warmup during the warm-up, then lr · ``ScheduleKind/factor``.
  ///
  /// Beyond the last step it stays at the last step's rate.
  public func rate(step s: Int) -> Double {
    if s <= warmupSteps { return learningRate * Double(s) / Double(warmupSteps) }
    return learningRate * kind.factor(self, s)
  }

  /// The last step before a decay at the end of the run; nil if the kind has none, and if the decay starts with the run.
  public var decayStart: Int? { kind.usesDecaySteps && steps > decaySteps ? steps - decaySteps : nil }

  /// `count` steps of `all` as a fraction: at most 1, and 1 if `all` is 0 or less.
  func fraction(_ count: Int, of all: Int) -> Double {
    count < all ? Double(count) / Double(all) : 1
  }
}
