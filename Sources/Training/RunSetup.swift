import Communication
import Configuration
import Corpus
import Foundation
import Host
import Kernels
import RunFiles
import Storage
import Transformer

/// What the ranks agree on before a run begins.
public enum RunSetup {
  /// Bytes of address space that a program takes before it knows what it is to do.
  private static let leastAddressSpace = 64 << 20

  /// To be called before any kernel runs.
  ///
  /// - Throws: `ConfigurationError` where this program was built for a greater processor than the one at hand;
  ///   `ResourceError` where `ulimit -v` leaves next to nothing.
  public static func requireProcessor() throws {
    if let feature = Processor.missingFeature {
      throw ConfigurationError(
        "this program was built for a processor with \(feature), which this one lacks; build it here: launch/build.sh")
    }
    try ResourceLimit.requireAddressSpace(leastAddressSpace, for: "the program")
  }

  /// Reads the configuration on every rank and makes sure that it is the same. Collective.
  ///
  /// - Throws: `AgreedError`, the same on every rank.
  public static func configuration(_ options: RunOptions, _ communicator: Communicator) throws -> RunConfiguration {
    let configuration = try communicator.agreed {
      let configuration = try load(options.configuration, overrides: options.overrides)
      if let fault = configuration.validationError(ranks: communicator.size) { throw ConfigurationError(fault) }
      return configuration
    }
    let first = try communicator.broadcast(configuration.resolved.compact + "\(options)")
    let root = try communicator.broadcast(configuration.resolved.compact)
    try communicator.agreed {
      guard first != configuration.resolved.compact + "\(options)" else { return }
      let roots = try RunConfiguration(text: root, file: options.configuration)
      let (forbidden, allowed) = configuration.differences(from: roots)
      guard let difference = (forbidden + allowed).first else {
        throw ConfigurationError(
          "rank \(communicator.rank) was started with other options than rank 0; start all ranks alike")
      }
      throw ConfigurationError(
        "rank \(communicator.rank) (on \(communicator.hostName)) has \(difference.key) \(difference.value), "
          + "rank 0 has \(difference.other); give all ranks the same configuration")
    }
    return configuration
  }

  /// Reads a configuration's file.
  ///
  /// - Throws: `StorageError`, `ConfigurationError`.
  public static func load(_ path: String, overrides: [String] = []) throws -> RunConfiguration {
    let status = try FileStatus(path)
    guard status.isRegularFile else { throw StorageError(.failed, path, "is not a file; name a configuration") }
    do {
      return try RunConfiguration(text: try TextFile(path).text, file: path, overrides: overrides)
    } catch let error as StorageError where error.kind == .damaged {
      throw ConfigurationError("\(error)")
    }
  }

  /// Chooses the checkpoint to go on from. On rank 0.
  ///
  /// - Parameter warn: hears of checkpoints passed over.
  /// - Throws: `ConfigurationError` where the options don't fit what the folder holds; `StorageError`.
  static func checkpoint(
    _ options: RunOptions, _ folder: RunFolder, warn: (String) -> Void
  ) throws -> Checkpoint? {
    switch options.resume {
    case .never:
      if !options.overwrite, let step = try folder.steps().first {
        throw ConfigurationError(
          "--resume never: \(folder.path) holds checkpoints, the newest of step \(step); add --overwrite to remove "
            + "them and start anew, or give the run another name")
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

  /// Checks that a checkpoint belongs to the run that is configured, and returns what has changed and may.
  ///
  /// - Throws: `ConfigurationError`, naming the key and both values; `InvalidFileError` where the tokenizer is another;
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
      throw ConfigurationError("\(difference); give back the same data, or start another run")
    }
    return allowed
  }

  /// What another `training.steps` than the checkpoint's does to the learning rate. On rank 0.
  ///
  /// - Throws: `StorageError`.
  static func changedSteps(
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
    // Beyond its last step the old schedule had planned nothing.
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

  /// One sentence per setting that affects the results and differs from the checkpoint's. On rank 0.
  ///
  /// - Throws: `StorageError` where the log cannot be read.
  static func changedBits(
    since checkpoint: Checkpoint, _ folder: RunFolder, arithmetic: String, ranks: Int, reproducible: Bool
  ) throws -> [String] {
    var changes: [String] = []
    if let was = checkpoint.arithmetic, was != arithmetic {
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
