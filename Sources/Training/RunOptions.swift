import RunFiles

/// What the command line of `phd-train` asks for besides the configuration's keys.
public struct RunOptions: Sendable, Equatable {
  /// Where a run goes on from.
  public enum Resume: Sendable, Equatable {
    /// The newest valid checkpoint of the run's folder, else the start.
    case auto
    /// The start.
    case never
    /// This checkpoint.
    case file(String)
  }

  /// A difference between the first weights' model and the configured one that is an error unless it is allowed.
  public enum Allowance: String, Sendable, CaseIterable {
    /// Of the rotary embedding.
    case rope
  }

  /// The configuration's file.
  public var configuration: String
  /// `KEY=VALUE`, in their order.
  public var overrides: [String] = []
  public var resume = Resume.auto
  /// Stop, with a checkpoint, when this step is done.
  public var stopAfter: Int?
  /// Start anew, the old checkpoints and log removed.
  public var overwrite = false
  /// A file to take the first weights from.
  public var initializeFrom: String?
  /// Which differences from the configured model are allowed.
  public var allowances: [Allowance] = []
  public var dryRun = false
  /// With `dryRun`: print JSON.
  public var json = false

  public init(configuration: String) { self.configuration = configuration }

  /// The checkpoint that the run would resume from, judged by file names alone; nil for a new run.
  ///
  /// - Throws: `StorageError.failed` where the folder cannot be listed.
  func resumes(in folder: RunFolder) throws -> String? {
    switch resume {
    case .never: nil
    case .auto: overwrite ? nil : try folder.steps().first.map { folder.checkpoint(step: $0) }
    case .file(let path): path
    }
  }
}
