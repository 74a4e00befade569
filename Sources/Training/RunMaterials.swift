import Communication
import Corpus
import Kernels

/// What a run goes on with: its corpora, its folder and the checkpoint in it, opened and checked before anything is
/// trained.
struct RunMaterials {
  let mixture: Mixture
  let validation: Validation
  let taskValidation: TaskValidation?
  let tokenizer: TokenizerIdentity
  let data: DataFingerprint
  let folder: RunFolder
  /// What the bits of the run hang on beside program and configuration.
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
    let mixture = try communicator.agreed { try configuration.openTrainingData() }
    let sources = mixture.sources
    let (validation, tokenizer) = try communicator.agreed {
      let validation = try Validation(configuration)
      try TokenizerIdentity.check(sources + validation.sources)
      return (validation, try TokenizerIdentity(sources))
    }
    let taskValidation = try communicator.agreed { try TaskValidation(configuration, tokenizer) }
    let hashes = try communicator.bytesFromRoot {
      Array(try DataFingerprint(sources, documentMask: configuration.data.documentMask).text.utf8)
    }
    guard let data = DataFingerprint(text: String(decoding: hashes, as: UTF8.self)) else {
      preconditionFailure("a fingerprint that cannot be read back")
    }

    let folder = RunFolder(configuration.runFolder)
    var lock: RunLock?
    var found: Checkpoint?
    var notes = taskValidation?.notes ?? []
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
        "rank \(rank) computes with \(arithmetics[rank]), rank 0 with \(arithmetics[0]): the bits hang on which rank "
          + "has which micro-batch; give the job nodes of one kind to have them repeat")
    }
    if let found {
      notes += RunSetup.changedBits(
        since: found, folder, arithmetic: arithmetic, ranks: communicator.size,
        reproducible: configuration.training.reproducible)
    }
    if let change = changes.first(where: { $0.key == "training.steps" }) {
      notes.append("training.steps was \(change.other), is \(change.value): the schedule is stretched to it")
    }
    (self.mixture, self.validation, self.taskValidation) = (mixture, validation, taskValidation)
    (self.tokenizer, self.data, self.folder, self.arithmetic) = (tokenizer, data, folder, arithmetic)
    (self.lock, checkpoint, self.changes, self.notes) = (lock, found, changes, notes)
  }
}
