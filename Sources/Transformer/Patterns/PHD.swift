extension Pattern {
  /// PHD (equation 2): hidden copies see the originals and the earlier hidden copies of their own token.
  public static let phd = Pattern(
    "phd", grouping: .originalsAndHidden,
    summary: "hidden copies see the originals, and the earlier hidden copies of their own token.",
    modelName: { "PHD-\($0.repeats)" }, caption: { _ in "hidden copies see the originals" })
}
