import RunFiles

/// The command-line options of `phd-train`.
public struct RunOptions: Sendable, Equatable {
  /// Where a run resumes from.
  public enum Resume: Sendable, Equatable {
    /// The newest valid checkpoint in the run's folder, or the start if there is none.
    case auto
    /// The start.
    case never
    /// This checkpoint.
    case file(String)
  }

  /// A difference between the model of `--initialize-from` and the configured one that is an error unless it is
  /// allowed.
  public enum Allowance: String, Sendable, CaseIterable {
    /// The base of the rotary embedding.
    case rope
  }

  /// The path of the configuration file.
  public var configuration: String
  /// `KEY=VALUE`, in the order given.
  public var overrides: [String] = []
  public var resume = Resume.auto
  /// Stop, with a checkpoint, when this step is done.
  public var stopAfter: Int?
  /// Remove the old checkpoints and log, and start from the beginning.
  public var overwrite = false
  /// The file to read the initial weights from.
  public var initializeFrom: String?
  /// The differences from the configured model that are allowed.
  public var allowances: [Allowance] = []
  public var dryRun = false
  /// With `dryRun`: print JSON.
  public var json = false

  public init(configuration: String) { self.configuration = configuration }

  /// The checkpoint that the run would resume from, by file names only; nil for a new run.
  ///
  /// - Throws: `StorageError.failed` if the folder cannot be listed.
  func checkpointToResume(in folder: RunFolder) throws -> String? {
    switch resume {
    case .never: nil
    case .auto: overwrite ? nil : try folder.steps().first.map { folder.checkpoint(step: $0) }
    case .file(let path): path
    }
  }
}
