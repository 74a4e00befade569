import Optimization

extension RunConfiguration {
  /// The learning rate as a function of the step.
  public struct ScheduleSection: Sendable, Equatable {
    public let kind: ScheduleKind
    /// Steps in which the rate rises from 0.
    public let warmupSteps: Int
    /// The last step's rate over the highest; 1 for `constant`.
    public let finalFraction: Double
    /// Steps of `wsd`'s decay; 0 for the others.
    public let decaySteps: Int

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let kind = try section.choice(
        "kind", locked: true, default: ScheduleKind.cosine,
        "After the warm-up: " + ScheduleKind.allCases.map { "`\($0)` \($0.summary)" }.joined(separator: "; ") + ".")
      self.kind = kind
      warmupSteps = try section.integer(
        "warmup_steps", locked: true, default: 100, in: 0...ConfigurationLimit.count,
        "Steps in which the rate rises linearly to `optimizer.learning_rate`.")
      finalFraction =
        try section.number(
          "final_fraction", locked: true, default: 0.1, in: .fraction,
          when: ConfigurationSection.Condition(
            holds: kind.usesFinalFraction,
            text: "schedule.kind is \(ScheduleKind.names(where: \.usesFinalFraction))"),
          "The last step's rate over the highest.") ?? 1
      decaySteps =
        try section.integer(
          "decay_steps", locked: true, default: 100, in: 1...ConfigurationLimit.count,
          when: ConfigurationSection.Condition(
            holds: kind.usesDecaySteps,
            text: "schedule.kind is \(ScheduleKind.names(where: \.usesDecaySteps))"),
          "The length of the decay: with `warmup_steps` at most `training.steps`.") ?? 0
    }
  }

  /// The learning rate of each step.
  public var learningRateSchedule: LearningRateSchedule {
    LearningRateSchedule(
      schedule.kind, learningRate: optimizer.learningRate, steps: training.steps, warmupSteps: schedule.warmupSteps,
      finalFraction: schedule.finalFraction, decaySteps: schedule.decaySteps)
  }
}
