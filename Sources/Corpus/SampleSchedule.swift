/// Which sample stands at each position of a run: position p is the p-th sample consumed, whatever the number of ranks.
///
/// A pure function of the entries' sizes and weights and of the seed.
public struct SampleSchedule: Sendable {
  /// One entry of `data.train`.
  public struct Entry: Sendable {
    public var sampleCount: Int
    public var weight: Double

    public init(sampleCount: Int, weight: Double) {
      self.sampleCount = sampleCount
      self.weight = weight
    }
  }

  /// One sample of the run.
  public struct Sample: Sendable, Hashable {
    /// The number of the entry that it comes from.
    public var entry: Int
    /// How often all of that entry's samples had been consumed before.
    public var epoch: Int
    /// Its number among the entry's samples.
    public var index: Int
  }

  private let sampleCounts: [Int]
  private let interleaving: EntryInterleaving
  private let seed: UInt64

  /// - Parameter entries: at least one; each with a sample and a positive, finite weight.
  public init(entries: [Entry], seed: UInt64) {
    precondition(entries.allSatisfy { $0.sampleCount > 0 })
    sampleCounts = entries.map { $0.sampleCount }
    interleaving = EntryInterleaving(weights: entries.map { $0.weight })
    self.seed = seed
  }

  /// The samples from `position` on.
  ///
  /// - Complexity: constant for one entry, or weights that are multiples of a ten-thousandth or more of their sum;
  ///   otherwise the positions before are replayed, some 10 ns each.
  public func cursor(at position: Int) -> Cursor {
    Cursor(schedule: self, draws: interleaving.cursor(at: position))
  }

  /// A place in the schedule.
  public struct Cursor: Sendable {
    private let schedule: SampleSchedule
    private var draws: EntryInterleaving.Cursor

    init(schedule: SampleSchedule, draws: EntryInterleaving.Cursor) {
      self.schedule = schedule
      self.draws = draws
    }

    /// The sample here; the cursor moves on to the next.
    public mutating func next() -> Sample {
      let (entry, ordinal) = draws.next()
      let count = schedule.sampleCounts[entry]
      let epoch = ordinal / count
      let order = SampleOrder(count: count, seed: schedule.seed, entry: entry, epoch: epoch)
      return Sample(entry: entry, epoch: epoch, index: order[ordinal % count])
    }
  }
}

extension SampleSchedule {
  /// The schedule of a run's data.
  public init(_ sources: [DataSource], seed: UInt64) {
    self.init(entries: sources.map { Entry(sampleCount: $0.sampleCount, weight: $0.weight) }, seed: seed)
  }
}
