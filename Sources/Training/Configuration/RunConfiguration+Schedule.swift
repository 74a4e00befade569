extension RunConfiguration {
  /// The learning rate as a function of the step.
  public struct Schedule: Sendable, Equatable {
    public let kind: LearningRateSchedule.Kind
    /// Steps in which the rate rises from 0.
    public let warmupSteps: Int
    /// The last step's rate over the highest; 1 for `constant`.
    public let finalFraction: Double
    /// Steps of `wsd`'s decay; 0 for the others.
    public let decaySteps: Int

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      let kind = try section.choice(
        "kind", default: LearningRateSchedule.Kind.cosine,
        "After the warm-up: `cosine` falls along half a cosine to `final_fraction` at the last step; `wsd` holds the "
          + "rate and lets it fall linearly over the last `decay_steps`; `constant` holds it.")
      self.kind = kind
      warmupSteps = try section.integer(
        "warmup_steps", default: 100, in: 0...ConfigurationLimit.count,
        "Steps in which the rate rises linearly to `optimizer.learning_rate`.")
      finalFraction =
        try section.number(
          "final_fraction", default: 0.1, in: .fraction,
          when: ConfigurationSection.Condition(
            holds: kind != .constant, text: "schedule.kind is \"cosine\" or \"wsd\""),
          "The last step's rate over the highest.") ?? 1
      decaySteps =
        try section.integer(
          "decay_steps", default: 100, in: 1...ConfigurationLimit.count,
          when: ConfigurationSection.Condition(holds: kind == .wsd, text: "schedule.kind is \"wsd\""),
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
