import Foundation

extension ScheduleKind {
  /// Cosine decay: factor final + (1 − final) · ½(1 + cos πu) with u = (s − warmup) / (steps − warmup).
  public static let cosine = ScheduleKind(
    "cosine", usesFinalFraction: true, summary: "falls along half a cosine to `final_fraction` at the last step"
  ) { schedule, s in
    let u = schedule.fraction(s - schedule.warmupSteps, of: schedule.steps - schedule.warmupSteps)
    let final = schedule.finalFraction
    return final + (1 - final) * 0.5 * (1 + cos(Double.pi * u))
  }
}
