extension RunConfiguration {
  /// Where the run is saved, and how often.
  public struct CheckpointSection: Sendable, Equatable {
    /// Holds the runs' folders.
    public let directory: String
    public let everySteps: Int
    /// Minutes of rank 0's clock after which one is saved in any case; nil for steps alone.
    public let everyMinutes: Double?
    /// How many of the newest checkpoints stay.
    public let keep: Int
    /// Checkpoints of multiples of so many steps stay for ever; nil for none.
    public let milestoneEverySteps: Int?
    /// Whether the run goes on while a copy of its state is written.
    public let background: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      directory = try section.string(
        "directory", "a folder's path", default: "checkpoints", where: RunConfiguration.isPath,
        "The folder that holds the run's folder.")
      everySteps = try section.integer(
        "every_steps", default: 250, in: 1...ConfigurationLimit.count,
        "Steps from one checkpoint to the next; the last step always has one.")
      everyMinutes = try section.numberOrNull(
        "every_minutes", default: nil, in: .above(0, to: 1e6),
        "Minutes after the last checkpoint, by rank 0's clock, at which there is another one, whatever the step; null "
          + "for steps alone.")
      keep = try section.integer(
        "keep", default: 3, in: 1...ConfigurationLimit.count,
        "How many of the newest checkpoints stay. An older one is removed when the next is on the disk. The checkpoint "
          + "from before the `wsd` decay is also kept, so that the run can be extended from it.")
      milestoneEverySteps = try section.integerOrNull(
        "milestone_every_steps", in: 1...ConfigurationLimit.count,
        "At each multiple of so many steps there is a checkpoint that stays for ever; null for none.")
      background = try section.boolean(
        "background", default: false,
        "Whether the run goes on while a copy of its state is written: 12 bytes a parameter more on rank 0.")
    }

    /// Whether a step has a checkpoint, whatever the clock says.
    package func isScheduled(at step: Int) -> Bool { step % everySteps == 0 || isMilestone(step) }

    /// Whether a step's checkpoint stays for ever.
    package func isMilestone(_ step: Int) -> Bool { milestoneEverySteps.map { step % $0 == 0 } ?? false }
  }

  /// How often the validation loss and benchmarks are measured, and on how much.
  public struct ValidationSection: Sendable, Equatable {
    public let everySteps: Int
    /// Sequences of each set.
    public let sequences: Int
    /// Files and folders of benchmarks.
    public let tasks: [String]
    /// Items of each benchmark.
    public let taskItems: Int

    /// Items that a rank evaluates at once.
    package static let itemsAtOnce = 8

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
  public struct LogSection: Sendable, Equatable {
    public let everySteps: Int
    /// Nil for never.
    public let gradientsEvery: Int?
    /// Whether TensorBoard's event files are written as well.
    public let tensorBoard: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      everySteps = try section.integer(
        "every_steps", default: 1, in: 1...ConfigurationLimit.count, "Steps from one step record to the next.")
      gradientsEvery = try section.integerOrNull(
        "gradients_every", in: 1...ConfigurationLimit.count,
        "Steps from one record of event `tensors` to the next: the norms of every tensor's gradient, weights and update. "
          + "Null: never.")
      tensorBoard = try section.boolean(
        "tensorboard", default: false,
        "Whether the records' numbers are also written as event files for TensorBoard, into the run's folder.")
    }
  }
}
