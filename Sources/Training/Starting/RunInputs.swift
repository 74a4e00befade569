import Communication
import Configuration
import Corpus
import Display
import Kernels
import RunFiles

/// The inputs of a run, opened and checked before training: its corpora, its folder and the checkpoint to resume from.
struct RunInputs {
  let mixture: Mixture
  let validation: Validation
  let taskValidation: TaskValidation?
  let tokenizer: TokenizerIdentity
  let data: DataFingerprint
  /// The fingerprints of the validation sets, as `data` has those of the training corpora.
  let validationData: DataFingerprint
  let folder: RunFolder
  /// `Processor.arithmetic`: what affects the results besides the program and the configuration.
  let arithmetic: String
  /// The kernel sets of the ranks, such as `avx512`, or `avx2 (3 ranks), avx512 (5 ranks)`.
  let kernels: String

  // On rank 0 only.
  let lock: RunLock?
  let checkpoint: Checkpoint?
  /// The settings that differ from the checkpoint's and may.
  let changes: [RunConfiguration.Difference]
  /// Notes for the user, one sentence each.
  let notes: [String]

  /// Opens and checks the inputs. Collective.
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
    let fingerprints = try RunInputs.fingerprints(
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
      found = try ResumeCheck.checkpoint(options, folder) { notes.append($0) }
      if let found { changes = try ResumeCheck.changes(since: found, configuration, data, sources) }
    }

    let sets = Dictionary(grouping: try communicator.allGather(KernelChoice.current.rawValue)) { $0 }
    kernels =
      sets.count == 1
      ? KernelChoice.current.rawValue
      : sets.map { "\($0) (\(Quantity.count($1.count, "rank")))" }.sorted().joined(separator: ", ")
    let arithmetic = Processor.arithmetic(configuration.training.precision)
    let arithmetics = try communicator.allGather(arithmetic)
    if let rank = arithmetics.firstIndex(where: { !Processor.givesSameBits($0, arithmetics[0]) }) {
      notes.append(
        "rank \(rank) computes with \(arithmetics[rank]), rank 0 with \(arithmetics[0]): results depend on which rank "
          + "gets which micro-batch; use nodes of one kind for repeatable results")
    }
    try communicator.rootOnly {
      guard let found else { return }
      notes += try ResumeCheck.resultWarnings(
        since: found, folder, arithmetic: arithmetic, ranks: communicator.size,
        reproducible: configuration.training.reproducible)
      if changes.contains(where: { $0.key == "training.steps" }) {
        notes.append(try ResumeCheck.changedStepsNote(since: found, configuration, folder))
      }
    }
    (self.mixture, self.validation, self.taskValidation) = (mixture, validation, taskValidation)
    (self.tokenizer, self.data, self.validationData) = (tokenizer, data, validationData)
    (self.folder, self.arithmetic) = (folder, arithmetic)
    (self.lock, checkpoint, self.changes, self.notes) = (lock, found, changes, notes)
  }

  /// The fingerprints of each corpus's files, after a check that all ranks see the same. Collective.
  private static func fingerprints(
    _ corpora: [(key: String, source: DataSource)], _ tokenizer: TokenizerIdentity, _ tasks: TaskValidation?,
    documentMask: Bool, _ communicator: Communicator
  ) throws -> [[String]] {
    let files = corpora.flatMap { FileConsistency.Entry.all($0.key, $0.source, documentMask: documentMask) }
    let end = tokenizer.endOfDocument.map { ", documents end with \($0)" } ?? ""
    let meaning = FileConsistency.Entry(
      "the corpora's tokenizer", read: (tokenizer.named.isEmpty ? "none" : tokenizer.named) + end)
    var all = try FileConsistency.fingerprints(files + [meaning] + (tasks?.entries ?? []), communicator)[...]
    return corpora.map { corpus in
      defer { all = all.dropFirst(corpus.source.files.count) }
      return Array(all.prefix(corpus.source.files.count))
    }
  }
}
