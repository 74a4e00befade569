import Communication
import Configuration
import Corpus
import Kernels
import RunFiles

/// What a run goes on with: its corpora, its folder and the checkpoint in it, opened and checked before anything is
/// trained.
struct RunMaterials {
  let mixture: Mixture
  let validation: Validation
  let taskValidation: TaskValidation?
  let tokenizer: TokenizerIdentity
  let data: DataFingerprint
  /// Of each validation set, as `data` has those of the training corpora.
  let validationData: DataFingerprint
  let folder: RunFolder
  /// What affects the results besides the program and the configuration.
  let arithmetic: String

  // Rank 0's alone.
  let lock: RunLock?
  let checkpoint: Checkpoint?
  /// What has changed since the checkpoint, and may.
  let changes: [RunConfiguration.Difference]
  /// What the user should know, a sentence each.
  let notes: [String]

  /// Collective.
  ///
  /// - Throws: `AgreedError`, the same on every rank; `CommunicationError`.
  init(_ configuration: RunConfiguration, _ options: RunOptions, _ communicator: Communicator) throws {
    let mixture = try communicator.agreedNamingRanks { try configuration.openTrainingData() }
    let sources = mixture.sources
    let (validation, tokenizer) = try communicator.agreedNamingRanks {
      let validation = try Validation(configuration)
      try TokenizerIdentity.check(sources + validation.sources)
      return (validation, try TokenizerIdentity(sources))
    }
    let taskValidation = try communicator.agreedNamingRanks { try TaskValidation(configuration, tokenizer) }
    let named = Array(zip(configuration.data.numbered.corpora.map(\.key), sources)) + validation.named
    let fingerprints = try RunMaterials.fingerprints(
      named, tokenizer, taskValidation, documentMask: configuration.data.documentMask, communicator)
    let data = DataFingerprint(entries: Array(fingerprints.prefix(sources.count)))
    let validationData = DataFingerprint(entries: Array(fingerprints.dropFirst(sources.count)))

    let folder = RunFolder(configuration.runFolder)
    var lock: RunLock?
    var found: Checkpoint?
    var notes = taskValidation?.notes ?? []
    for file in (sources + validation.sources).flatMap(\.files) {
      if let warning = file.capacityWarning { notes.append(warning) }
    }
    var changes: [RunConfiguration.Difference] = []
    try communicator.rootOnly {
      try folder.create()
      lock = try RunLock(folder: folder.path)
      found = try RunSetup.checkpoint(options, folder) { notes.append($0) }
      if let found { changes = try RunSetup.changes(since: found, configuration, data, sources) }
    }

    let arithmetic = Processor.arithmetic(configuration.training.precision)
    let arithmetics = try communicator.allGather(arithmetic)
    if let rank = arithmetics.firstIndex(where: { $0 != arithmetics[0] }) {
      notes.append(
        "rank \(rank) computes with \(arithmetics[rank]), rank 0 with \(arithmetics[0]): results depend on which rank "
          + "gets which micro-batch; use nodes of one kind for repeatable results")
    }
    try communicator.rootOnly {
      guard let found else { return }
      notes += try RunSetup.changedBits(
        since: found, folder, arithmetic: arithmetic, ranks: communicator.size,
        reproducible: configuration.training.reproducible)
      if changes.contains(where: { $0.key == "training.steps" }) {
        notes.append(try RunSetup.changedSteps(since: found, configuration, folder))
      }
    }
    (self.mixture, self.validation, self.taskValidation) = (mixture, validation, taskValidation)
    (self.tokenizer, self.data, self.validationData) = (tokenizer, data, validationData)
    (self.folder, self.arithmetic) = (folder, arithmetic)
    (self.lock, checkpoint, self.changes, self.notes) = (lock, found, changes, notes)
  }

  /// What the files of each corpus hold, made sure of that all ranks see the same. Collective.
  private static func fingerprints(
    _ corpora: [(key: String, source: DataSource)], _ tokenizer: TokenizerIdentity, _ tasks: TaskValidation?,
    documentMask: Bool, _ communicator: Communicator
  ) throws -> [[String]] {
    let files = corpora.flatMap { CommonFiles.Entry.all($0.key, $0.source, documentMask: documentMask) }
    let end = tokenizer.endOfDocument.map { ", documents end with \($0)" } ?? ""
    let meaning = CommonFiles.Entry(
      "the corpora's tokenizer", read: (tokenizer.named.isEmpty ? "none" : tokenizer.named) + end)
    var all = try CommonFiles.fingerprints(files + [meaning] + (tasks?.entries ?? []), communicator)[...]
    return corpora.map { corpus in
      defer { all = all.dropFirst(corpus.source.files.count) }
      return Array(all.prefix(corpus.source.files.count))
    }
  }
}
