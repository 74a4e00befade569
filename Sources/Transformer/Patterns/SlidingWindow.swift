extension Pattern {
  /// PHD-SWA: like ``phd``, but hidden copies also see the hidden copies of the last W positions.
  public static let swa = Pattern(
    "swa", grouping: .originalsAndHidden, usesWindow: true,
    summary: "also the hidden copies of the last `window` positions.",
    modelName: { "PHD-SWA-\($0.repeats)-\($0.window)" },
    caption: { "hidden copies see W = \($0.window) positions back" })
}
