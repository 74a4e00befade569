extension RunConfiguration {
  /// Where and how often the run is saved.
  public struct CheckpointSection: Sendable, Equatable {
    /// The folder that contains the runs' folders.
    public let directory: String
    public let everySteps: Int
    /// Minutes by rank 0's clock after which a checkpoint is saved at any step; nil to save by steps only.
    public let everyMinutes: Double?
    /// How many of the newest checkpoints are kept.
    public let keep: Int
    /// Checkpoints at multiples of this number are never removed; nil for none.
    public let milestoneEverySteps: Int?
    /// Whether the run continues while a copy of its state is written.
    public let background: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      directory = try section.string(
        "directory", "a folder's path", default: "checkpoints", where: RunConfiguration.isPath,
        "The folder that contains the run's folder.")
      everySteps = try section.integer(
        "every_steps", default: 250, in: 1...ConfigurationLimit.count,
        "Steps from one checkpoint to the next; the last step always has one.")
      everyMinutes = try section.numberOrNull(
        "every_minutes", default: nil, in: .above(0, to: 1e6),
        "Also save when this many minutes have passed since the last checkpoint, by rank 0's clock. Null to save by "
          + "steps only.")
      keep = try section.integer(
        "keep", default: 3, in: 1...ConfigurationLimit.count,
        "How many of the newest checkpoints to keep. An older one is removed when the next is on the disk. The "
          + "checkpoint before the `wsd` decay is also kept, so that the run can be extended from it.")
      milestoneEverySteps = try section.integerOrNull(
        "milestone_every_steps", in: 1...ConfigurationLimit.count,
        "Steps between checkpoints that are never removed; null for none.")
      background = try section.boolean(
        "background", default: false,
        "Whether to write checkpoints from a copy of the state while the run continues: 12 more bytes per parameter on "
          + "rank 0.")
    }

    /// Whether a step has a checkpoint by its number, independent of the clock.
    package func isScheduled(at step: Int) -> Bool { step % everySteps == 0 || isMilestone(step) }

    /// Whether a step's checkpoint is never removed.
    package func isMilestone(_ step: Int) -> Bool { milestoneEverySteps.map { step % $0 == 0 } ?? false }
  }

  /// How often the validation loss and benchmarks are measured, and on how many sequences and items.
  public struct ValidationSection: Sendable, Equatable {
    public let everySteps: Int
    /// Sequences per set.
    public let sequences: Int
    /// Benchmark files and folders.
    public let tasks: [String]
    /// Items per benchmark.
    public let taskItems: Int

    /// Items that a rank evaluates at a time.
    package static let itemsAtOnce = 8

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      everySteps = try section.integer(
        "every_steps", default: 250, in: 1...ConfigurationLimit.count, "Steps from one measurement to the next.")
      sequences = try section.integer(
        "sequences", default: 64, in: 1...ConfigurationLimit.count,
        "Sequences per set, from its start.")
      tasks = try section.paths(
        "tasks",
        "Benchmarks to evaluate as well: files, and folders of files, in the formats of `phd evaluate tasks`. The "
          + "training corpora must contain their tokenizer.")
      taskItems = try section.integer(
        "task_items", default: 100, in: 1...ConfigurationLimit.count,
        "Items per benchmark, from its start.")
    }
  }

  /// The loss log.
  public struct LogSection: Sendable, Equatable {
    public let everySteps: Int
    /// Steps between records of tensor norms; nil for none.
    public let gradientsEvery: Int?
    /// Whether TensorBoard event files are written as well.
    public let tensorBoard: Bool

    init(_ section: ConfigurationSection) throws(ConfigurationError) {
      everySteps = try section.integer(
        "every_steps", default: 1, in: 1...ConfigurationLimit.count, "Steps from one step record to the next.")
      gradientsEvery = try section.integerOrNull(
        "gradients_every", in: 1...ConfigurationLimit.count,
        "Steps from one `tensors` record to the next, which has the norms of every tensor's gradient, weights and "
          + "update. Null for none.")
      tensorBoard = try section.boolean(
        "tensorboard", default: false,
        "Whether to write the numbers of the records also to TensorBoard event files in the run's folder.")
    }
  }
}
