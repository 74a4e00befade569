import Testing

@testable import Kernels

/// ``CachedAttentionKernel`` against a double-precision loop over all pairs of a query and a key that it sees.
@Suite struct CachedAttentionTests {
  /// Keys in a store: those of `copies` copies from `firstCopy` on, at the positions from `first` on.
  struct Keys {
    let first: Int
    let end: Int
    let copies: Int
    let firstCopy: Int
    /// The largest number of positions that a query sees; nil for no limit.
    var window: Int?

    func firstVisible(_ position: Int) -> Int { window.map { max(0, position - $0 + 1) } ?? 0 }
  }

  /// One sequence's queries, of `copies` copies from `firstCopy` on.
  struct Queries {
    let positions: Range<Int>
    let copies: Int
    let firstCopy: Int
    let keys: [Keys]
  }

  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let heads: HeadShape
    let groups: [Queries]

    init(_ name: String, queryHeads: Int, keyValueHeads: Int, headSize: Int, _ groups: [Queries]) {
      testDescription = name
      heads = HeadShape(queryHeads: queryHeads, keyValueHeads: keyValueHeads, headSize: headSize)
      self.groups = groups
    }
  }

  static let cases = [
    Case(
      "the first token", queryHeads: 1, keyValueHeads: 1, headSize: 2,
      [Queries(positions: 0..<1, copies: 1, firstCopy: 0, keys: [Keys(first: 0, end: 1, copies: 1, firstCopy: 0)])]),
    Case(
      "one new token of two sequences", queryHeads: 3, keyValueHeads: 1, headSize: 6,
      [
        Queries(positions: 40..<41, copies: 1, firstCopy: 0, keys: [Keys(first: 0, end: 41, copies: 1, firstCopy: 0)]),
        Queries(positions: 7..<8, copies: 1, firstCopy: 0, keys: [Keys(first: 0, end: 8, copies: 1, firstCopy: 0)]),
      ]),
    Case(
      "a prompt", queryHeads: 6, keyValueHeads: 2, headSize: 20,
      [Queries(positions: 0..<37, copies: 1, firstCopy: 0, keys: [Keys(first: 0, end: 37, copies: 1, firstCopy: 0)])]),
    Case(
      "several tiles of keys", queryHeads: 3, keyValueHeads: 1, headSize: 4,
      [
        Queries(
          positions: 5..<280, copies: 2, firstCopy: 0, keys: [Keys(first: 0, end: 280, copies: 2, firstCopy: 0)])
      ]),
    Case(
      "all copies together", queryHeads: 2, keyValueHeads: 2, headSize: 18,
      [
        Queries(
          positions: 9..<30, copies: 4, firstCopy: 0,
          keys: [
            Keys(first: 0, end: 30, copies: 1, firstCopy: 0),
            Keys(first: 4, end: 30, copies: 3, firstCopy: 1, window: 5),
          ])
      ]),
    Case(
      "hidden copies with a window", queryHeads: 3, keyValueHeads: 1, headSize: 10,
      [
        Queries(
          positions: 50..<90, copies: 2, firstCopy: 1,
          keys: [
            Keys(first: 0, end: 90, copies: 1, firstCopy: 0),
            Keys(first: 34, end: 90, copies: 2, firstCopy: 1, window: 17),
          ]),
        Queries(
          positions: 3..<5, copies: 1, firstCopy: 2,
          keys: [
            Keys(first: 0, end: 5, copies: 1, firstCopy: 0),
            Keys(first: 3, end: 5, copies: 2, firstCopy: 1, window: 1),
          ]),
      ]),
    Case(
      "original tokens beside hidden keys", queryHeads: 2, keyValueHeads: 1, headSize: 14,
      [
        Queries(
          positions: 20..<25, copies: 1, firstCopy: 0,
          keys: [
            Keys(first: 0, end: 25, copies: 1, firstCopy: 0),
            Keys(first: 18, end: 25, copies: 2, firstCopy: 1, window: 3),
          ])
      ]),
  ]

  @Test(arguments: cases, ElementType.allCases)
  func `outputs equal a double precision loop`(_ shape: Case, _ type: ElementType) throws {
    let heads = shape.heads
    let count = shape.groups.reduce(0) { $0 + $1.positions.count * $1.copies }
    let queries = TestMatrix(
      type, rows: count * heads.queryHeads, columns: heads.paddedHeadSize, filled: heads.headSize, seed: 1)
    // Outputs in reverse order.
    let order = (0..<count).map { Int32(count - 1 - $0) }
    let stores = shape.groups.enumerated().map { index, group in
      group.keys.enumerated().map { FilledStore(heads, type, $1, seed: UInt64(100 * index + 10 * $0 + 2)) }
    }
    var start = 0
    let groups = zip(shape.groups, stores).map { group, stores in
      defer { start += group.positions.count * group.copies }
      return CachedQueries(
        positions: group.positions, copies: group.copies, firstCopy: group.firstCopy, start: start,
        keys: zip(group.keys, stores).map { keys, filled in
          CachedKeys(
            filled.store, first: keys.first, copies: keys.copies, firstCopy: keys.firstCopy,
            firstVisible: { keys.firstVisible($0) })
        })
    }
    let results = try everyArithmetic(type) { kernels, team in
      let output = TestMatrix(.fp32, rows: count, columns: heads.queryHeads * heads.headSize)
      let attention = kernels.cachedAttention(heads, type, on: team)
      // Twice: the second call reuses the scratch memory.
      for _ in 0..<2 { attention.forward(output.matrix, queries: queries.matrix, order: order, groups) }
      return output.values
    }
    let expected = expected(shape, queries, stores)
    for result in results {
      let error = largestError(result, expected)
      #expect(error < type.tolerance, "\(error)")
    }
  }

  /// A store with random keys and values, and the same rounded, [kv head][slot].
  private struct FilledStore {
    let store: KeyStore
    let keys: TestMatrix
    let values: TestMatrix
    let slots: Int

    init(_ heads: HeadShape, _ type: ElementType, _ keys: Keys, seed: UInt64) {
      slots = (keys.end - keys.first) * keys.copies
      let rows = heads.keyValueHeads * slots
      self.keys = TestMatrix(type, rows: rows, columns: heads.paddedHeadSize, filled: heads.headSize, seed: seed)
      values = TestMatrix(type, rows: rows, columns: heads.headSize, seed: seed + 1)
      store = KeyStore(heads, type, slots: slots)
      let projection = TestMatrix(.fp32, rows: slots, columns: 2 * heads.keyValueHeads * heads.headSize)
      for head in 0..<heads.keyValueHeads {
        for slot in 0..<slots {
          for column in 0..<heads.headSize {
            projection[slot, head * heads.headSize + column] = self.keys[head * slots + slot, column]
            projection[slot, (heads.keyValueHeads + head) * heads.headSize + column] =
              values[head * slots + slot, column]
          }
        }
      }
      // Position 0 is not rotated.
      kernels.headRows.store(
        projection.matrix, stores: Array(repeating: store, count: slots), slots: (0..<slots).map { Int32($0) },
        positions: Array(repeating: 0, count: slots), norm: nil,
        rotary: RotaryTable(positions: 1, headSize: heads.headSize, theta: 100), heads: heads, on: ThreadTeam())
    }
  }

  private func expected(_ shape: Case, _ queries: TestMatrix, _ stores: [[FilledStore]]) -> [Double] {
    let heads = shape.heads
    let count = shape.groups.reduce(0) { $0 + $1.positions.count * $1.copies }
    let columns = heads.queryHeads * heads.headSize
    let headsPerKey = heads.queryHeads / heads.keyValueHeads
    var result = [Double](repeating: 0, count: count * columns)
    var index = 0
    for (group, stores) in zip(shape.groups, stores) {
      for position in group.positions {
        for copy in group.firstCopy..<group.firstCopy + group.copies {
          for head in 0..<heads.queryHeads {
            let kvHead = head / headsPerKey
            var (keys, values): ([[Double]], [[Double]]) = ([], [])
            for (source, filled) in zip(group.keys, stores) where copy >= source.firstCopy {
              for slot in 0..<filled.slots {
                let keyPosition = source.first + slot / source.copies
                let keyCopy = source.firstCopy + slot % source.copies
                let isVisible =
                  keyPosition >= source.firstVisible(position)
                  && (keyPosition < position || keyPosition == position && keyCopy <= copy)
                if !isVisible { continue }
                keys.append(filled.keys.row(kvHead * filled.slots + slot, 0..<heads.headSize))
                values.append(filled.values.row(kvHead * filled.slots + slot))
              }
            }
            let row = (kvHead * count + index) * headsPerKey + head % headsPerKey
            let output = AttentionOracle.output(
              queries.row(row, 0..<heads.headSize), keys: keys, values: values)
            let start = (count - 1 - index) * columns + head * heads.headSize
            result.replaceSubrange(start..<start + heads.headSize, with: output)
          }
          index += 1
        }
      }
    }
    return result
  }
}
