/// A run of a sequence's cached keys and values, as queries of later positions see them.
public struct CachedKeys {
  package let store: KeyStore
  /// The position of slot 0.
  package let first: Int
  /// The number of keys at each position.
  package let copies: Int
  /// Index of the first of these copies, from 0. Queries of earlier copies see none of these keys.
  package let firstCopy: Int
  /// The first position that the queries of a position see.
  package let firstVisible: @Sendable (Int) -> Int

  public init(
    _ store: KeyStore, first: Int, copies: Int, firstCopy: Int, firstVisible: @escaping @Sendable (Int) -> Int
  ) {
    self.store = store
    self.first = first
    self.copies = copies
    self.firstCopy = firstCopy
    self.firstVisible = firstVisible
  }

  /// The slots that a copy's query at a position sees.
  package func visible(position: Int, copy: Int) -> Range<Int> {
    let from = max(0, (firstVisible(position) &- first) &* copies)
    if copy < firstCopy { return from..<from }
    return from..<max(from, (position &- first) &* copies &+ min(copies, copy &- firstCopy &+ 1))
  }
}

/// Queries of one sequence's positions, `copies` at each, [position][copy].
public struct CachedQueries {
  package let positions: Range<Int>
  package let copies: Int
  /// Index of the first copy, from 0.
  package let firstCopy: Int
  /// Index of the first of these queries among all queries of the call.
  package let start: Int
  package let keys: [CachedKeys]

  public init(positions: Range<Int>, copies: Int, firstCopy: Int, start: Int, keys: [CachedKeys]) {
    self.positions = positions
    self.copies = copies
    self.firstCopy = firstCopy
    self.start = start
    self.keys = keys
  }
}
