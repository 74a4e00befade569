import JSON

extension RunConfiguration {
  /// The corpora, and how they are cut into samples.
  public struct DataSection: Sendable, Equatable {
    /// One corpus of the mixture.
    public struct Entry: Sendable, Equatable {
      /// A file, or a glob for several.
      public let path: String
      /// Its share of the samples, relative to the other entries' weights.
      public let weight: Double
    }

    /// A part of the run with corpora of its own.
    public struct Stage: Sendable, Equatable {
      /// The first step that draws from them, counted from 1.
      public let fromStep: Int
      /// At least one entry.
      public let train: [Entry]
    }

    /// One corpus whose loss is measured.
    public struct ValidationSet: Sendable, Equatable {
      /// The log's name for it.
      public let name: String
      public let path: String
    }

    /// What is trained on: at least one entry.
    public let train: [Entry]
    /// What is trained on instead from later steps on, in their order.
    public let stages: [Stage]
    /// In the configuration's order.
    public let validation: [ValidationSet]
    /// T: a sample is T + 1 consecutive tokens.
    public let sequenceLength: Int
    /// Whether the documents of a sample are apart.
    public let documentMask: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      train =
        try section.value(
          ConfigurationSection.Key(
            name: "train", expected: "a path, or a list of paths and of {\"path\": …, \"weight\": …}",
            schema: ConfigurationSchema.corpora, fallback: nil,
            meaning: "The training corpora. One path, or a list whose entries are a path or an object with `path` and "
              + "`weight`: the entry's share of the samples relative to the others', a number from 1e-9 to 1e9, by "
              + "default 1. A path may be a glob.",
            placeholder: [], read: Entry.list, write: Entry.json)) ?? []
      stages =
        try section.value(
          ConfigurationSection.Key(
            name: "stages", expected: "a list of {\"from_step\": …, \"train\": …}, or null",
            schema: ConfigurationSchema.orNull(ConfigurationSchema.stages),
            fallback: [],
            meaning:
              "Other training corpora from later steps on: each stage's `from_step`, 2 or more and ascending, is "
              + "the first step, counted from 1, that draws from its `train`, a list as above. A corpus that is in "
              + "several stages goes on in each where it was. Stages that have not begun may still be changed.",
            placeholder: [], read: Stage.list, write: { .array($0.map(\.json)) })) ?? []
      validation =
        try section.value(
          ConfigurationSection.Key(
            name: "validation", expected: "an object of names and paths, or null",
            schema: ConfigurationSchema.orNull(ConfigurationSchema.namedPaths), fallback: [],
            meaning: "The corpora that the loss is measured on, each under a name of its own, which the log uses.",
            placeholder: [], read: ValidationSet.list, write: ValidationSet.json)) ?? []
      sequenceLength = try section.integer(
        "sequence_length", locked: true, in: 1...ConfigurationLimit.width,
        "T, positions of a sequence: a sample is T + 1 consecutive tokens, the last T of them targets.")
      documentMask = try section.boolean(
        "document_mask", locked: true, default: false,
        "Whether a sample's documents are apart: attention does not cross a document's start, positions count from it "
          + "(from the sample's for a document cut by it), and a document's last token predicts nothing. Documents "
          + "start where the corpus's `/documents` says so, else after each `eos_token_id`.")
    }
  }
}
