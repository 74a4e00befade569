/// Which of several weighted entries each sample is drawn from, without chance: after any number p of draws an entry
/// with the share s of the weights has been drawn more than s·p − 1 and fewer than s·p + 1 times.
///
/// R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): of the entries that lag far enough
/// behind their share, the one whose bound is met first. In integers, so that every rank finds the same.
///
/// The weights may change from one stage to the next; the lags go on. An entry that a stage leaves out is not drawn in
/// it, whatever it is still owed, and the others bear it together. Where three or more entries come and go, that can bring
/// one of them beyond its bound, by a fraction of a draw.
struct EntryInterleaving: Sendable {
  /// The stages in their order; the first starts at 0.
  let stages: [Stage]

  /// - Parameter stages: from which draw on, and each entry's weight from there on: finite, 0 where the stage leaves the
  ///   entry out, not 0 for all. The first from 0 on, each from later on than the one before.
  init(stages: [(start: Int, weights: [Double])]) {
    precondition(stages.first?.start == 0 && zip(stages, stages.dropFirst()).allSatisfy { $0.start < $1.start })
    var known = Set<Int>()
    self.stages = stages.map { start, weights in
      precondition(weights.count == stages[0].weights.count && weights.allSatisfy { $0 >= 0 && $0.isFinite })
      let entries = weights.indices.filter { weights[$0] > 0 }
      known.formUnion(entries)
      return Stage(start: start, entries: entries, weights: entries.map { weights[$0] }, known: known.count)
    }
  }

  /// The draws from position `position` on.
  ///
  /// - Complexity: each stage before, and the one that holds the position, is replayed, some 15 ns a draw, until a
  ///   period of it leaves the lags as it found them; the rest of it is then counted. The first stage's first period
  ///   always does. Three and more weights that are no multiples of a millionth of their sum have a period of up to
  ///   2^48, so all draws are replayed; of two entries none is.
  func cursor(at position: Int) -> Cursor {
    var cursor = Cursor(self)
    cursor.advance(to: position)
    return cursor
  }

  /// Draws with the same weights.
  struct Stage: Sendable {
    /// The first draw.
    let start: Int
    /// Those that it draws from, ascending.
    let entries: [Int]
    /// Their shares of a draw, in units of which ``unit`` are a draw.
    let shares: [Int]
    let unit: Int
    /// After so many draws the shares are whole draws.
    let period: Int
    /// Twice the number of entries that this stage or one before draws from, less 2.
    let scale: Int

    fileprivate init(start: Int, entries: [Int], weights: [Double], known: Int) {
      precondition(!entries.isEmpty, "a stage without an entry")
      // Scaled by the largest first: the sum of huge weights is not finite.
      let largest = weights.reduce(0, max)
      let total = weights.reduce(0) { $0 + $1 / largest }
      let fractions = weights.map { $0 / largest / total }
      (self.start, self.entries, scale) = (start, entries, 2 * known - 2)
      if let small = Self.smallShares(fractions) {
        // All stages count in nearly the same unit, so that lags lose nothing that counts on their way to the next.
        period = small.reduce(0, +)
        let units = Self.finest / period
        (shares, unit) = (small.map { $0 * units }, period * units)
      } else {
        shares = fractions.map { max(1, Int(($0 * Double(Self.finest)).rounded())) }
        unit = shares.reduce(0, +)
        period = unit
      }
    }

    private static let finest = 1 << 48

    /// The fractions as integers of a small sum, where they are such: 0.7, 0.2, 0.1 as 7, 2, 1.
    private static func smallShares(_ fractions: [Double]) -> [Int]? {
      for period in 1...1_000_000 {
        let isExact = fractions.allSatisfy {
          let share = $0 * Double(period)
          return share.rounded() >= 1 && abs(share - share.rounded()) < 1e-9
        }
        if isExact { return fractions.map { Int(($0 * Double(period)).rounded()) } }
      }
      return nil
    }
  }

  struct Cursor: Sendable {
    private var position = 0
    private var stage: Stage
    private var stagesLeft: ArraySlice<Stage>
    /// How often each entry was drawn.
    private var counts: [Int]
    /// How far each entry is behind its share, in the stage's units.
    private var lags: [Int]

    fileprivate init(_ interleaving: EntryInterleaving) {
      stage = interleaving.stages[0]
      stagesLeft = interleaving.stages.dropFirst()
      let entries = (interleaving.stages.flatMap(\.entries).max() ?? 0) + 1
      counts = Array(repeating: 0, count: entries)
      lags = counts
    }

    /// The entry of the next draw, and how often it was drawn before.
    mutating func next() -> (entry: Int, ordinal: Int) {
      if let next = stagesLeft.first, next.start == position { begin(next) }
      let entry = stage.entries.count == 1 ? stage.entries[0] : entryToDraw()
      position += 1
      counts[entry] += 1
      return (entry, counts[entry] - 1)
    }

    private mutating func begin(_ next: Stage) {
      // Both units are near 2^48: a lag loses less than 2^-46 of a draw.
      if next.unit != stage.unit {
        for entry in lags.indices {
          lags[entry] = Int((Int128(lags[entry]) * Int128(next.unit) / Int128(stage.unit)))
        }
      }
      stage = next
      stagesLeft = stagesLeft.dropFirst()
    }

    private mutating func entryToDraw() -> Int {
      let (unit, scale) = (stage.unit, stage.scale)
      var (chosen, chosenSlack, chosenShare) = (-1, 0, 1)
      var (mostBehind, greatestLag) = (-1, Int.min)
      for (entry, share) in zip(stage.entries, stage.shares) {
        let lag = lags[entry] + share
        lags[entry] = lag
        if lag > greatestLag { (mostBehind, greatestLag) = (entry, lag) }
        guard scale * lag >= unit else { continue }
        // The time until the entry is a whole draw less 1/scale behind, slack/share, is compared crosswise.
        let slack = (scale - 1) * unit - scale * lag
        if chosen < 0 || Int128(slack) * Int128(chosenShare) < Int128(chosenSlack) * Int128(share) {
          (chosen, chosenSlack, chosenShare) = (entry, slack, share)
        }
      }
      // Nobody lags far enough where an entry that the stage leaves out does.
      if chosen < 0 { chosen = mostBehind }
      lags[chosen] -= unit
      return chosen
    }

    /// Goes on to a later position.
    fileprivate mutating func advance(to target: Int) {
      while position < target {
        if let next = stagesLeft.first, next.start == position { begin(next) }
        let end = min(target, stagesLeft.first?.start ?? .max)
        if stage.entries.count == 2 && stage.scale == 2 {
          skipAsOneOfTwo(to: end)
        } else if stage.entries.count == 1 || lags.allSatisfy({ $0 == 0 }) {
          skipPeriods(before: end)
        } else if end - position >= stage.period {
          let before = lags
          for _ in 0..<stage.period { _ = next() }
          if lags == before { skipPeriods(before: end) }
        }
        // What is left is less than a period, or a period that did not leave the lags as it found them.
        if end - position < stage.period {
          while position < end { _ = next() }
        }
      }
    }

    /// Of two entries the first is drawn as soon as it is half a draw behind.
    private mutating func skipAsOneOfTwo(to end: Int) {
      let (first, second) = (stage.entries[0], stage.entries[1])
      let unit = Int128(stage.unit)
      let behind = Int128(lags[first]) + Int128(stage.shares[0]) * Int128(end - position)
      // Rounded to the next integer, halves up; never negative, since a lag is half a draw at the most.
      let draws = (2 * behind + unit) / (2 * unit)
      counts[first] += Int(draws)
      counts[second] += end - position - Int(draws)
      lags[first] = Int(behind - draws * unit)
      lags[second] = -lags[first]
      position = end
    }

    /// Whole periods that leave the lags as they are.
    private mutating func skipPeriods(before end: Int) {
      let periods = (end - position) / stage.period
      position += periods * stage.period
      for (entry, share) in zip(stage.entries, stage.shares) {
        counts[entry] += periods * (share / (stage.unit / stage.period))
      }
    }
  }
}
