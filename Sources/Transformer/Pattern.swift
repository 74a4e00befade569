/// An attention pattern of Wu et al., arXiv 2504.14992, section 3, as data: which queries see which keys.
///
/// To add one, describe it in a file of Patterns/ and list it in ``allCases``.
public struct Pattern: Sendable {
  /// How the copies of a token share keys.
  public enum Grouping: Sendable {
    /// All copies are treated alike: each sees every copy before it, and the KV cache keeps the keys of all copies.
    case together
    /// The originals see originals. Hidden copies see the originals, and hidden copies within the window. The KV cache
    /// keeps the originals' keys.
    case originalsAndHidden
  }

  /// The name in a configuration, `cswa`.
  public let rawValue: String
  /// Whether there are hidden copies; if not, K is 1.
  public let hasHiddenCopies: Bool
  public let grouping: Grouping
  /// Whether a hidden copy sees the hidden copies of the last W positions; if not, only those of its own position.
  public let usesWindow: Bool
  /// Whether the window ends at a chunk of C positions.
  public let usesChunk: Bool
  /// What the pattern does, for the configuration reference: a sentence without a subject.
  public let summary: String
  /// The paper's name of a model with this pattern, `PHD-CSWA-3-16-32`.
  let modelName: @Sendable (HiddenDecoding) -> String
  /// A one-line description with the values of W and C, for the caption of a picture.
  let caption: @Sendable (HiddenDecoding) -> String

  init(
    _ name: String, hasHiddenCopies: Bool = true, grouping: Grouping, usesWindow: Bool = false, usesChunk: Bool = false,
    summary: String, modelName: @escaping @Sendable (HiddenDecoding) -> String,
    caption: @escaping @Sendable (HiddenDecoding) -> String
  ) {
    rawValue = name
    self.hasHiddenCopies = hasHiddenCopies
    self.grouping = grouping
    self.usesWindow = usesWindow
    self.usesChunk = usesChunk
    self.summary = summary
    self.modelName = modelName
    self.caption = caption
  }
}

extension Pattern: NamedCase {
  /// The patterns that a configuration may name.
  public static let allCases: [Pattern] = [.vanilla, .phd, .swa, .cswa, .naive]
}
