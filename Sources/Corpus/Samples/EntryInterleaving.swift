/// Chooses the entry of each sample among several weighted entries, deterministically: after p draws, an entry with a
/// fraction s of the total weight has been drawn more than s·p − 1 and fewer than s·p + 1 times.
///
/// R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): of the entries that lag far enough
/// behind their share, draw the one that reaches its bound first. Integer arithmetic gives every rank the same result.
///
/// The weights may change from stage to stage; lags carry over. A stage does not draw from an entry of weight 0,
/// however far it lags, and the other entries compensate. If three or more entries are enabled and disabled between
/// stages, one of them can exceed its bound by a fraction of a draw.
struct EntryInterleaving: Sendable {
  /// In order; the first starts at 0.
  let stages: [Stage]

  /// - Parameter stages: the first draw of each stage, ascending from 0, and the weight of each entry: finite, not
  ///   negative, and not all 0.
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

  /// The draws from `position` on.
  ///
  /// - Complexity: each stage up to the position is replayed (about 15 ns per draw) until a whole period leaves the
  ///   lags unchanged; further whole periods are skipped. The first stage starts with zero lags, so its whole periods
  ///   are skipped at once. Three or more weights that are not multiples of a millionth of their sum have a period of
  ///   up to 2^48, so that all draws are replayed. No draw is replayed in a stage with one entry, or with two if no
  ///   earlier stage uses a third.
  func cursor(at position: Int) -> Cursor {
    var cursor = Cursor(self)
    cursor.advance(to: position)
    return cursor
  }

  /// A range of draws with constant weights.
  struct Stage: Sendable {
    /// The position of the first draw.
    let start: Int
    /// The entries that it draws from, ascending.
    let entries: [Int]
    /// Their shares of a draw, in units of 1/``unit`` draw.
    let shares: [Int]
    let unit: Int
    /// The number of draws after which all shares add up to whole draws.
    let period: Int
    /// 2n − 2, n being the number of entries that this stage or an earlier one draws from.
    let scale: Int

    fileprivate init(start: Int, entries: [Int], weights: [Double], known: Int) {
      precondition(!entries.isEmpty, "a stage without an entry")
      // Divided by the largest first, because the sum of huge weights can overflow.
      let largest = weights.reduce(0, max)
      let total = weights.reduce(0) { $0 + $1 / largest }
      let fractions = weights.map { $0 / largest / total }
      (self.start, self.entries, scale) = (start, entries, 2 * known - 2)
      if let small = Self.smallShares(fractions) {
        // All stages use nearly the same unit, so converting lags to the next stage is nearly exact.
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

    /// The fractions as integers with a small sum, such as 7, 2, 1 for 0.7, 0.2, 0.1; nil if no such integers exist.
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
    /// The number of draws of each entry so far.
    private var counts: [Int]
    /// The lag of each entry behind its share, in the stage's units.
    private var lags: [Int]

    fileprivate init(_ interleaving: EntryInterleaving) {
      stage = interleaving.stages[0]
      stagesLeft = interleaving.stages.dropFirst()
      let entries = (interleaving.stages.flatMap(\.entries).max() ?? 0) + 1
      counts = Array(repeating: 0, count: entries)
      lags = counts
    }

    /// The entry of the next draw, and the number of its earlier draws.
    mutating func next() -> (entry: Int, ordinal: Int) {
      if let next = stagesLeft.first, next.start == position { begin(next) }
      let entry = stage.entries.count == 1 ? stage.entries[0] : entryToDraw()
      position += 1
      counts[entry] += 1
      return (entry, counts[entry] - 1)
    }

    private mutating func begin(_ next: Stage) {
      // Both units are near 2^48, so rounding changes a lag by less than 2^-46 of a draw.
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
        // slack/share is the number of draws until the entry lags by 1 − 1/scale draws. Compare by cross-multiplication.
        let slack = (scale - 1) * unit - scale * lag
        if chosen < 0 || Int128(slack) * Int128(chosenShare) < Int128(chosenSlack) * Int128(share) {
          (chosen, chosenSlack, chosenShare) = (entry, slack, share)
        }
      }
      // If an entry outside this stage holds the lag, no entry may qualify: draw the one furthest behind.
      if chosen < 0 { chosen = mostBehind }
      lags[chosen] -= unit
      return chosen
    }

    /// Advances to a later position.
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
        // Replay a partial period at the end. If whole periods are left, the last one changed the lags, so go on.
        if end - position < stage.period {
          while position < end { _ = next() }
        }
      }
    }

    /// With two entries, the first is drawn as soon as it lags by half a draw.
    private mutating func skipAsOneOfTwo(to end: Int) {
      let (first, second) = (stage.entries[0], stage.entries[1])
      let unit = Int128(stage.unit)
      let behind = Int128(lags[first]) + Int128(stage.shares[0]) * Int128(end - position)
      // Rounded to the nearest integer, halves up. The numerator is not negative, because a lag is at least −½ draw.
      let draws = (2 * behind + unit) / (2 * unit)
      counts[first] += Int(draws)
      counts[second] += end - position - Int(draws)
      lags[first] = Int(behind - draws * unit)
      lags[second] = -lags[first]
      position = end
    }

    /// Skips whole periods that leave the lags unchanged.
    private mutating func skipPeriods(before end: Int) {
      let periods = (end - position) / stage.period
      position += periods * stage.period
      for (entry, share) in zip(stage.entries, stage.shares) {
        counts[entry] += periods * (share / (stage.unit / stage.period))
      }
    }
  }
}
