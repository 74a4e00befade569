extension ScheduleKind {
  /// Warm-up, stable, decay: factor 1 up to start = steps − decay, then 1 − (1 − final) · (s − start) / decay.
  public static let wsd = ScheduleKind(
    "wsd", usesFinalFraction: true, usesDecaySteps: true,
    summary: "holds the rate and lets it fall linearly over the last `decay_steps`"
  ) { schedule, s in
    let start = schedule.steps - schedule.decaySteps
    if s <= start { return 1 }
    return 1 - (1 - schedule.finalFraction) * schedule.fraction(s - start, of: schedule.decaySteps)
  }
}
