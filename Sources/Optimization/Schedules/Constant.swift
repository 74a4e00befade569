extension ScheduleKind {
  /// A constant rate: factor 1.
  public static let constant = ScheduleKind("constant", summary: "holds it") { _, _ in 1 }
}
