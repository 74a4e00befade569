extension Pattern {
  /// Naive token repeating: every copy sees everything before it, and every copy's keys stay in the KV cache.
  public static let naive = Pattern(
    "naive", grouping: .together, summary: "every copy sees everything before it.",
    modelName: { "Naive-\($0.repeats)" }, caption: { _ in "every copy sees all before it" })
}
