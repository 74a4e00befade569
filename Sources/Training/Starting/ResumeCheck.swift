import Configuration
import Corpus
import Host
import Kernels
import RunFiles
import Storage

/// Chooses the checkpoint that a run resumes from, and compares it with the configuration, the data and the machine.
enum ResumeCheck {
  /// The checkpoint to resume from; nil to start from the beginning. On rank 0.
  ///
  /// - Parameter warn: called with a message for each damaged checkpoint that is skipped.
  /// - Throws: `ConfigurationError` if the options do not fit the checkpoints in the folder; `StorageError`.
  static func checkpoint(
    _ options: RunOptions, _ folder: RunFolder, warn: (String) -> Void
  ) throws -> Checkpoint? {
    switch options.resume {
    case .never:
      if !options.overwrite, let step = try folder.steps().first {
        throw ConfigurationError(
          "--resume never: \(folder.path) holds checkpoints, the newest of step \(step); add --overwrite to remove "
            + "them and start from the beginning, or give the run another name")
      }
      return nil
    case .file(let path):
      let checkpoint = try Checkpoint(verifying: path)
      guard try checkpoint.holdsTrainingState() else {
        throw StorageError(
          .damaged, path, "holds weights but no optimizer state to resume from; use --initialize-from \(path)")
      }
      return checkpoint
    case .auto:
      return options.overwrite ? nil : try folder.newestValid { warn("\($0); passed over") }
    }
  }

  /// Checks that a checkpoint belongs to the configured run.
  ///
  /// - Returns: the settings that differ, all of which may change on a resume.
  /// - Throws: `ConfigurationError` with the key and both values; `InvalidFileError` if the tokenizers differ;
  ///   `StorageError`.
  static func changes(
    since checkpoint: Checkpoint, _ configuration: RunConfiguration, _ data: DataFingerprint,
    _ sources: [DataSource]
  ) throws -> [RunConfiguration.Difference] {
    let old: RunConfiguration
    do {
      old = try RunConfiguration(json: checkpoint.configuration, file: checkpoint.path)
    } catch {
      throw StorageError(.damaged, checkpoint.path, "its configuration cannot be used: \(error)")
    }
    let (forbidden, allowed) = configuration.differences(from: old, after: checkpoint.step)
    if let difference = forbidden.first {
      throw ConfigurationError(
        "\(difference.key) is \(difference.value), but \(checkpoint.path) was trained with \(difference.other); "
          + "set it back, or start another run (another name, or --overwrite)")
    }
    try TokenizerIdentity.check(sources, against: checkpoint)
    let numbered = configuration.data.numbered
    let drawnFrom = Set(configuration.data.begunStages(after: checkpoint.step).flatMap(\.corpora))
    if let was = checkpoint.data.flatMap({ DataFingerprint(text: $0) }),
      let difference = was.difference(
        from: data, named: Array(zip(numbered.corpora.map(\.key), sources)), first: drawnFrom.count)
    {
      throw ConfigurationError("\(difference); restore the same data, or start another run")
    }
    return allowed
  }

  /// A note on what a changed `training.steps` does to the learning rate. On rank 0.
  ///
  /// - Throws: `StorageError`.
  static func changedStepsNote(
    since checkpoint: Checkpoint, _ configuration: RunConfiguration, _ folder: RunFolder
  ) throws -> String {
    let old: RunConfiguration
    do {
      old = try RunConfiguration(json: checkpoint.configuration, file: checkpoint.path)
    } catch {
      throw StorageError(.damaged, checkpoint.path, "its configuration cannot be used: \(error)")
    }
    let step = checkpoint.step
    let change = "training.steps was \(old.training.steps), is \(configuration.training.steps)"
    if step >= configuration.training.steps {
      return "\(change), and the checkpoint is of step \(step): there is nothing left to do"
    }
    let (before, after) = (old.learningRateSchedule, configuration.learningRateSchedule)
    let (last, next, planned) = (before.rate(step: step), after.rate(step: step + 1), before.rate(step: step + 1))
    // The old schedule ends at its last step.
    if next == planned && (step < old.training.steps || next == last) {
      return "\(change): the learning rate of step \(step + 1) stays \(next)"
    }
    let rates = "\(change): the learning rate of step \(step + 1) is \(next), that of step \(step) was \(last)"
    guard let decay = before.decayStart, step > decay else { return rates }
    let kept = folder.checkpoint(step: decay)
    let advice =
      try FileStatus.exists(kept)
      ? "to resume from before the decay: --resume \(kept)" : "there is no checkpoint of step \(decay)"
    return "\(rates), inside the decay that started after step \(decay); \(advice)"
  }

  /// One sentence for each setting that affects the results and differs from the checkpoint's. On rank 0.
  ///
  /// - Throws: `StorageError` if the log cannot be read.
  static func resultWarnings(
    since checkpoint: Checkpoint, _ folder: RunFolder, arithmetic: String, ranks: Int, reproducible: Bool
  ) throws -> [String] {
    var changes: [String] = []
    if let was = checkpoint.arithmetic, !Processor.givesSameBits(was, arithmetic) {
      changes.append(
        "\(checkpoint.path) was saved by a run that computed with \(was), this one computes with \(arithmetic)")
    }
    let start = try LossLog.starts(folder.log).last
    if let was = start?["version"]?.string, was != Version.current {
      changes.append("the run was last started with version \(was) of this program, this is \(Version.current)")
    }
    if !reproducible, let was = start?["ranks"]?.integer, was != ranks {
      changes.append("the run was last on \(was) ranks, now it is on \(ranks), and training.reproducible is false")
    }
    return changes.map { $0 + ": results may differ in the last bits from those of an uninterrupted run" }
  }
}
