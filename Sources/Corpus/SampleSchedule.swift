/// Which sample stands at each position of a run: position p is the p-th sample consumed, whatever the number of ranks.
///
/// A pure function of the corpora's sizes, the stages' weights and the seed. A corpus that several stages draw from goes
/// on in each where it was: none of its samples comes again before all have come.
public struct SampleSchedule: Sendable {
  /// A part of the run with the same weights.
  public struct Stage: Sendable, Equatable {
    /// Its first position.
    public var start: Int
    /// Each corpus's weight, 0 for one that the stage leaves out.
    public var weights: [Double]

    public init(start: Int = 0, weights: [Double]) {
      self.start = start
      self.weights = weights
    }
  }

  /// One sample of the run.
  public struct Sample: Sendable, Hashable {
    /// The number of the corpus that it comes from.
    public var entry: Int
    /// How often all of that corpus's samples had been consumed before.
    public var epoch: Int
    /// Its number among the corpus's samples.
    public var index: Int
  }

  private let sampleCounts: [Int]
  private let interleaving: EntryInterleaving
  private let seed: UInt64

  /// - Parameters:
  ///   - sampleCounts: of each corpus, at least 1.
  ///   - stages: at least one; the first starts at 0, each later than the one before, with a weight that is positive and
  ///     none that is negative or not finite.
  public init(sampleCounts: [Int], stages: [Stage], seed: UInt64) {
    precondition(sampleCounts.allSatisfy { $0 > 0 } && stages.allSatisfy { $0.weights.count == sampleCounts.count })
    self.sampleCounts = sampleCounts
    interleaving = EntryInterleaving(stages: stages.map { ($0.start, $0.weights) })
    self.seed = seed
  }

  /// The samples from `position` on.
  ///
  /// - Complexity: at most a few million draws, some 15 ns each, for two corpora, and for more where all weights are
  ///   multiples of a millionth or more of their sum; otherwise the positions before are replayed.
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
