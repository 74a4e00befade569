/// Which of several weighted entries each sample is drawn from, without chance: after any number p of draws an entry
/// with the share s of the weights has been drawn more than s·p − 1 and fewer than s·p + 1 times.
///
/// R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): of the entries that lag far enough
/// behind their share, the one whose bound is met first. In integers, so that every rank finds the same.
struct EntryInterleaving: Sendable {
  /// Each entry's share of a period, in draws.
  let shares: [Int]
  /// The shares' sum: after so many draws everything repeats.
  let period: Int

  /// - Parameter weights: positive and finite.
  init(weights: [Double]) {
    precondition(!weights.isEmpty && weights.allSatisfy { $0 > 0 && $0.isFinite })
    // Scaled by the largest first: the sum of huge weights is not finite.
    let largest = weights.reduce(0, max)
    let total = weights.reduce(0) { $0 + $1 / largest }
    let fractions = weights.map { $0 / largest / total }
    shares = Self.smallShares(fractions) ?? fractions.map { max(1, Int(($0 * 0x1p48).rounded())) }
    period = shares.reduce(0, +)
  }

  /// The fractions as integers of a small sum, where they are such: 0.7, 0.2, 0.1 as 7, 2, 1.
  private static func smallShares(_ fractions: [Double]) -> [Int]? {
    for period in 1...10_000 {
      let shares = fractions.map { ($0 * Double(period)).rounded() }
      let isExact = zip(fractions, shares).allSatisfy { $1 >= 1 && abs($0 * Double(period) - $1) < 1e-10 }
      if isExact { return shares.map { Int($0) } }
    }
    return nil
  }

  /// The draws from position `position` on.
  ///
  /// - Complexity: one draw for each position since the last whole period. Weights that are no small fractions have a
  ///   period of 2^48, so this replays all draws: about 10 ns each.
  func cursor(at position: Int) -> Cursor {
    var cursor = Cursor(interleaving: self, skippingPeriods: position / period)
    for _ in 0..<position % period { _ = cursor.next() }
    return cursor
  }

  struct Cursor: Sendable {
    private let interleaving: EntryInterleaving
    /// How often each entry was drawn.
    private var counts: [Int]
    /// How far each entry is behind its share, in units of 1/period draws.
    private var lags: [Int]

    init(interleaving: EntryInterleaving, skippingPeriods periods: Int) {
      self.interleaving = interleaving
      counts = interleaving.shares.map { $0 * periods }
      lags = interleaving.shares.map { _ in 0 }
    }

    /// The entry of the next draw, and how often it was drawn before.
    mutating func next() -> (entry: Int, ordinal: Int) {
      let entry = lags.count == 1 ? 0 : entryToDraw()
      counts[entry] += 1
      return (entry, counts[entry] - 1)
    }

    private mutating func entryToDraw() -> Int {
      let (period, scale) = (interleaving.period, 2 * lags.count - 2)
      var (chosen, chosenSlack, chosenShare) = (-1, 0, 1)
      for entry in lags.indices {
        let share = interleaving.shares[entry]
        lags[entry] += share
        guard scale * lags[entry] >= period else { continue }
        // The time until the entry is a whole draw less 1/scale behind, slack/share, is compared crosswise.
        let slack = (scale - 1) * period - scale * lags[entry]
        if chosen < 0 || Int128(slack) * Int128(chosenShare) < Int128(chosenSlack) * Int128(share) {
          (chosen, chosenSlack, chosenShare) = (entry, slack, share)
        }
      }
      lags[chosen] -= period
      return chosen
    }
  }
}
