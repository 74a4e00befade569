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
  public var dryRun = false
  /// With `dryRun`: print JSON.
  public var json = false

  public init(configuration: String) { self.configuration = configuration }
}
