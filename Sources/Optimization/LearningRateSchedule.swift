/// The learning rate as a pure function of the step s = 1, 2, ….
public struct LearningRateSchedule: Sendable, Equatable {
  public let kind: ScheduleKind
  /// The highest learning rate.
  public let learningRate: Double
  /// The number of steps of the run.
  public let steps: Int
  public let warmupSteps: Int
  /// The last step's rate as a fraction of the highest.
  public let finalFraction: Double
  /// The length of `wsd`'s decay, in steps.
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

  /// The learning rate of step s: lr · s / warmup during the warm-up, then lr · ``ScheduleKind/factor``.
  ///
  /// After the last step the rate stays constant.
  public func rate(step s: Int) -> Double {
    if s <= warmupSteps { return learningRate * Double(s) / Double(warmupSteps) }
    return learningRate * kind.factor(self, s)
  }

  /// The last step before the decay at the end of the run; nil if the schedule has no such decay, or if the decay
  /// starts at the beginning of the run.
  public var decayStart: Int? { kind.usesDecaySteps && steps > decaySteps ? steps - decaySteps : nil }

  /// `count` / `all`, at most 1; 1 if `all` is 0 or negative.
  func fraction(_ count: Int, of all: Int) -> Double {
    count < all ? Double(count) / Double(all) : 1
  }
}
