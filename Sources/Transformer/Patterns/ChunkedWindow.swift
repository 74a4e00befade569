extension Pattern {
  /// PHD-CSWA: like ``swa``, but the window ends at the start of the position's chunk of C positions.
  public static let cswa = Pattern(
    "cswa", grouping: .originalsAndHidden, usesWindow: true, usesChunk: true,
    summary: "of those, the ones in their own chunk of `chunk` positions.",
    modelName: { "PHD-CSWA-\($0.repeats)-\($0.window)-\($0.chunk ?? 0)" },
    caption: { "W = \($0.window) back, within chunks of C = \($0.chunk ?? 0)" })
}
