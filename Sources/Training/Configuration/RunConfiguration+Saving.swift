extension RunConfiguration {
  /// Where the run is saved, and how often.
  public struct Checkpoint: Sendable, Equatable {
    /// Holds the runs' folders.
    public let directory: String
    public let everySteps: Int
    /// How many of the newest checkpoints stay.
    public let keep: Int

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      directory = try section.string(
        "directory", "a folder's path", default: "checkpoints", where: RunConfiguration.isPath,
        "The folder that holds the run's folder.")
      everySteps = try section.integer(
        "every_steps", default: 250, in: 1...ConfigurationLimit.count,
        "Steps from one checkpoint to the next; the last step always has one.")
      keep = try section.integer(
        "keep", default: 3, in: 1...ConfigurationLimit.count, "How many of the newest checkpoints stay.")
    }
  }

  /// How often the validation loss and benchmarks are measured, and on how much.
  public struct Validation: Sendable, Equatable {
    public let everySteps: Int
    /// Sequences of each set.
    public let sequences: Int
    /// Files and folders of benchmarks.
    public let tasks: [String]
    /// Items of each benchmark.
    public let taskItems: Int

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      everySteps = try section.integer(
        "every_steps", default: 250, in: 1...ConfigurationLimit.count, "Steps from one measurement to the next.")
      sequences = try section.integer(
        "sequences", default: 64, in: 1...ConfigurationLimit.count,
        "Sequences of each set that are measured, from its start.")
      tasks = try section.paths(
        "tasks",
        "Benchmarks of language understanding to measure as well: files, and folders of files, in the formats of "
          + "`phd evaluate tasks`. The training corpora must hold their tokenizer.")
      taskItems = try section.integer(
        "task_items", default: 100, in: 1...ConfigurationLimit.count,
        "Items of each benchmark that are measured, from its start.")
    }
  }

  /// The loss log.
  public struct Log: Sendable, Equatable {
    public let everySteps: Int
    /// Whether TensorBoard's event files are written as well.
    public let tensorBoard: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      everySteps = try section.integer(
        "every_steps", default: 1, in: 1...ConfigurationLimit.count, "Steps from one step record to the next.")
      tensorBoard = try section.boolean(
        "tensorboard", default: false,
        "Whether the records' numbers are also written as event files for TensorBoard, into the run's folder.")
    }
  }
}
