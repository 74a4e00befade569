import JSON

extension RunConfiguration {
  /// The corpora, and how they are split into samples.
  public struct DataSection: Sendable, Equatable {
    /// One corpus of the mixture.
    public struct Entry: Sendable, Equatable {
      /// A file, or a glob for several.
      public let path: String
      /// Its share of the samples, relative to the other entries' weights.
      public let weight: Double
    }

    /// A part of the run with its own training corpora.
    public struct Stage: Sendable, Equatable {
      /// The first step that uses them, counted from 1.
      public let fromStep: Int
      /// At least one entry.
      public let train: [Entry]
    }

    /// One corpus whose loss is measured.
    public struct ValidationSet: Sendable, Equatable {
      /// Its name in the log.
      public let name: String
      public let path: String
    }

    /// The training corpora: at least one entry.
    public let train: [Entry]
    /// Other training corpora for later steps, in ascending order.
    public let stages: [Stage]
    /// The validation corpora, in the configuration's order.
    public let validation: [ValidationSet]
    /// T: a sample is T + 1 consecutive tokens.
    public let sequenceLength: Int
    /// Whether attention stays within the documents of a sample.
    public let documentMask: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      train =
        try section.value(
          ConfigurationSection.Key(
            name: "train", expected: "a path, or a list of paths and of {\"path\": …, \"weight\": …}",
            schema: ConfigurationSchema.corpora, fallback: nil,
            meaning: "The training corpora: one path, or a list of paths and of objects with `path` and `weight`. The "
              + "weight, a number from 1e-9 to 1e9, by default 1, is the entry's share of the samples relative to the "
              + "other entries. A path may be a glob.",
            placeholder: [], read: Entry.list, write: Entry.json)) ?? []
      stages =
        try section.value(
          ConfigurationSection.Key(
            name: "stages", expected: "a list of {\"from_step\": …, \"train\": …}, or null",
            schema: ConfigurationSchema.orNull(ConfigurationSchema.stages),
            fallback: [],
            meaning:
              "Other training corpora for later steps. `from_step` is the first step of a stage, counted from 1: at "
              + "least 2, and ascending. `train` has the form of `data.train`. A corpus that is in several stages "
              + "continues in each of them at its next sample. Stages that have not started may still be changed.",
            placeholder: [], read: Stage.list, write: { .array($0.map(\.json)) })) ?? []
      validation =
        try section.value(
          ConfigurationSection.Key(
            name: "validation", expected: "an object of names and paths, or null",
            schema: ConfigurationSchema.orNull(ConfigurationSchema.namedPaths), fallback: [],
            meaning: "The corpora to measure the validation loss on. The log uses their names.",
            placeholder: [], read: ValidationSet.list, write: ValidationSet.json)) ?? []
      sequenceLength = try section.integer(
        "sequence_length", locked: true, in: 1...ConfigurationLimit.width,
        "T, the positions of a sequence: a sample is T + 1 consecutive tokens, and the last T are the targets.")
      documentMask = try section.boolean(
        "document_mask", locked: true, default: false,
        "Whether to separate the documents of a sample: attention does not cross the start of a document, positions "
          + "count from it (or from the start of the sample), and the last token of a document predicts nothing. The "
          + "corpus's `/documents` gives the starts; without it, a document starts after each `eos_token_id`.")
    }
  }
}
