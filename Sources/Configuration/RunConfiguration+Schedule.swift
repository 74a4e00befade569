import Optimization

extension RunConfiguration {
  /// The learning rate as a function of the step.
  public struct ScheduleSection: Sendable, Equatable {
    public let kind: ScheduleKind
    /// Steps in which the rate rises from 0.
    public let warmupSteps: Int
    /// Final rate / peak rate; 1 for `constant`.
    public let finalFraction: Double
    /// Steps of the decay of `wsd`; 0 for other kinds.
    public let decaySteps: Int

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let kind = try section.choice(
        "kind", locked: true, default: ScheduleKind.cosine,
        "After the warm-up: " + ScheduleKind.allCases.map { "`\($0)` \($0.summary)" }.joined(separator: "; ") + ".")
      self.kind = kind
      warmupSteps = try section.integer(
        "warmup_steps", locked: true, default: 100, in: 0...ConfigurationLimit.count,
        "Steps in which the rate rises linearly from 0 to `optimizer.learning_rate`.")
      finalFraction =
        try section.number(
          "final_fraction", locked: true, default: 0.1, in: .fraction,
          when: ConfigurationSection.Condition(
            holds: kind.usesFinalFraction,
            text: "schedule.kind is \(ScheduleKind.names(where: \.usesFinalFraction))"),
          "The rate of the last step, divided by the peak rate.") ?? 1
      decaySteps =
        try section.integer(
          "decay_steps", locked: true, default: 100, in: 1...ConfigurationLimit.count,
          when: ConfigurationSection.Condition(
            holds: kind.usesDecaySteps,
            text: "schedule.kind is \(ScheduleKind.names(where: \.usesDecaySteps))"),
          "Steps of the decay. `warmup_steps` + `decay_steps` must be at most `training.steps`.") ?? 0
    }
  }

  /// The learning rate of each step.
  public var learningRateSchedule: LearningRateSchedule {
    LearningRateSchedule(
      schedule.kind, learningRate: optimizer.learningRate, steps: training.steps, warmupSteps: schedule.warmupSteps,
      finalFraction: schedule.finalFraction, decaySteps: schedule.decaySteps)
  }
}
