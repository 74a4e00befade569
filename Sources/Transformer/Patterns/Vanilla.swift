extension Pattern {
  /// The plain causal transformer.
  public static let vanilla = Pattern(
    "vanilla", hasHiddenCopies: false, grouping: .together, summary: "one copy, the plain transformer.",
    modelName: { _ in "Vanilla" }, caption: { _ in "the plain transformer" })
}
