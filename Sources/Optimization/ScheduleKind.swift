import Transformer

/// The shape of a learning-rate schedule after the warm-up, as data.
///
/// To add a kind, describe it in a file of Schedules/ and list it in ``allCases``.
public struct ScheduleKind: Sendable {
  /// The name in a configuration, `cosine`.
  public let rawValue: String
  /// Whether `final_fraction` is used.
  public let usesFinalFraction: Bool
  /// Whether `decay_steps` is used: the length of a decay at the end of the run.
  public let usesDecaySteps: Bool
  /// What the rate does, for the configuration reference: a clause without a subject.
  public let summary: String
  /// The rate of step s as a fraction of the highest rate, for a step after the warm-up.
  let factor: @Sendable (_ schedule: LearningRateSchedule, _ s: Int) -> Double

  init(
    _ name: String, usesFinalFraction: Bool = false, usesDecaySteps: Bool = false, summary: String,
    factor: @escaping @Sendable (_ schedule: LearningRateSchedule, _ s: Int) -> Double
  ) {
    rawValue = name
    self.usesFinalFraction = usesFinalFraction
    self.usesDecaySteps = usesDecaySteps
    self.summary = summary
    self.factor = factor
  }
}

extension ScheduleKind: NamedCase {
  /// The kinds that a configuration may name.
  public static let allCases: [ScheduleKind] = [.cosine, .wsd, .constant]
}
