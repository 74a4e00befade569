/// The order of a run's samples: position p is the p-th sample consumed, for any number of ranks.
///
/// A pure function of the sizes of the corpora, the weights of the stages and the seed. A corpus keeps its position from
/// one stage to the next, so no sample repeats before all of its samples have been used.
public struct SampleSchedule: Sendable {
  /// A part of the run with constant weights.
  public struct Stage: Sendable, Equatable {
    /// Its first position.
    public var start: Int
    /// The weight of each corpus; 0 for a corpus that the stage does not use.
    public var weights: [Double]

    public init(start: Int = 0, weights: [Double]) {
      self.start = start
      self.weights = weights
    }
  }

  /// One sample of the run.
  public struct Sample: Sendable, Hashable {
    /// The index of its corpus.
    public var entry: Int
    /// The number of complete passes over that corpus before.
    public var epoch: Int
    /// Its index in the corpus.
    public var index: Int
  }

  private let sampleCounts: [Int]
  private let interleaving: EntryInterleaving
  private let seed: UInt64

  /// - Parameters:
  ///   - sampleCounts: the number of samples of each corpus, at least 1.
  ///   - stages: at least one. The first starts at 0, each later one after the one before. Weights are finite and not
  ///     negative, and each stage has a positive one.
  public init(sampleCounts: [Int], stages: [Stage], seed: UInt64) {
    precondition(sampleCounts.allSatisfy { $0 > 0 } && stages.allSatisfy { $0.weights.count == sampleCounts.count })
    self.sampleCounts = sampleCounts
    interleaving = EntryInterleaving(stages: stages.map { ($0.start, $0.weights) })
    self.seed = seed
  }

  /// The samples from `position` on.
  ///
  /// - Complexity: at most a few million draws, about 15 ns each, for two corpora, and for more if all weights are
  ///   multiples of at least a millionth of their sum; otherwise all earlier positions are replayed.
  public func cursor(at position: Int) -> Cursor {
    Cursor(schedule: self, draws: interleaving.cursor(at: position))
  }

  /// A position in the schedule.
  public struct Cursor: Sendable {
    private let schedule: SampleSchedule
    private var draws: EntryInterleaving.Cursor

    init(schedule: SampleSchedule, draws: EntryInterleaving.Cursor) {
      self.schedule = schedule
      self.draws = draws
    }

    /// Returns the sample at the cursor and advances to the next.
    public mutating func next() -> Sample {
      let (entry, ordinal) = draws.next()
      let count = schedule.sampleCounts[entry]
      let epoch = ordinal / count
      let order = SampleOrder(count: count, seed: schedule.seed, entry: entry, epoch: epoch)
      return Sample(entry: entry, epoch: epoch, index: order[ordinal % count])
    }
  }
}
