extension ScheduleKind {
  /// 1.
  public static let constant = ScheduleKind("constant", summary: "holds it") { _, _ in 1 }
}
