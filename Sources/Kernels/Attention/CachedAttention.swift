/// A run of a sequence's cached keys and values, as queries of later positions see them.
public struct CachedKeys {
  let store: KeyStore
  /// The position of slot 0.
  let first: Int
  /// Keys at each position.
  let copies: Int
  /// Index of the first of these copies, from 0. Queries of earlier copies see none of these keys.
  let firstCopy: Int
  /// The first position that the queries of a position see.
  let firstVisible: @Sendable (Int) -> Int

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
  @inline(__always)
  func visible(position: Int, copy: Int) -> Range<Int> {
    let from = max(0, (firstVisible(position) &- first) &* copies)
    if copy < firstCopy { return from..<from }
    return from..<max(from, (position &- first) &* copies &+ min(copies, copy &- firstCopy &+ 1))
  }
}

/// Queries of one sequence's positions, `copies` at each, [position][copy].
public struct CachedQueries {
  let positions: Range<Int>
  let copies: Int
  /// Index of the first copy, from 0.
  let firstCopy: Int
  /// Index of the first of these queries among all queries of the call.
  let start: Int
  let keys: [CachedKeys]

  public init(positions: Range<Int>, copies: Int, firstCopy: Int, start: Int, keys: [CachedKeys]) {
    self.positions = positions
    self.copies = copies
    self.firstCopy = firstCopy
    self.start = start
    self.keys = keys
  }
}

/// Attention of new positions' queries to cached keys, tile by tile as in ``Attention``.
public final class CachedAttention {
  private let heads: HeadShape
  private let type: ElementType
  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  /// - Parameter type: of queries and cached keys.
  public init(_ heads: HeadShape, _ type: ElementType, on team: ThreadTeam) {
    self.heads = heads
    self.type = type
    self.team = team
  }

  /// Rows of a block, unless one position has more.
  private static let blockRows = 256

  /// Writes each query's output to its row.
  ///
  /// - Parameters:
  ///   - output: fp32, [rows, query heads · e].
  ///   - queries: [kv heads][queries][heads per key][padded e], see ``HeadRows``.
  ///   - order: for each query, the row of `output`.
  public func forward(_ output: Matrix, queries: Matrix, order: [Int32], _ groups: [CachedQueries]) {
    precondition(queries.type == type, "\(queries) for attention in \(type)")
    switch type {
    case .fp32: forward(Float.self, output, queries, order, groups)
    case .bf16: forward(BF16Pair.self, output, queries, order, groups)
    }
  }

  private func forward<Lane: PackedLane>(
    _: Lane.Type, _ output: Matrix, _ queries: Matrix, _ order: [Int32], _ groups: [CachedQueries]
  ) {
    let positionsOf = { [heads] (group: CachedQueries) in
      max(1, CachedAttention.blockRows / (group.copies * heads.headsPerKey))
    }
    let rows = groups.map { positionsOf($0) * $0.copies * heads.headsPerKey }.max() ?? 0
    let count = AttentionScratch<Lane>.count(rows: rows, headSize: heads.paddedHeadSize)
    if scratch.count < count * team.count { scratch = Buffer(count: count * team.count) }

    let tasks = groups.flatMap { group in
      stride(from: group.positions.lowerBound, to: group.positions.upperBound, by: positionsOf(group)).map { first in
        (group, first..<min(first + positionsOf(group), group.positions.upperBound))
      }
    }
    let scratch = scratch.pointer
    team.forEach(tasks.count * heads.keyValueHeads) { index, worker in
      // The last blocks see the most keys, so they start first.
      let (group, positions) = tasks[tasks.count - 1 - index / heads.keyValueHeads]
      forward(
        CachedQueryBlock(
          heads, group, positions, head: index % heads.keyValueHeads, queries: queries, queryCount: order.count),
        output, order,
        AttentionScratch<Lane>(scratch + worker * count, rows: rows, headSize: heads.paddedHeadSize))
    }
  }

  private func forward<Lane>(
    _ block: CachedQueryBlock, _ output: Matrix, _ order: [Int32], _ scratch: AttentionScratch<Lane>
  ) {
    block.attend(scratch)
    for row in 0..<block.rows {
      let target = output.row(Int(order[block.firstQuery &+ row / heads.headsPerKey]))
      let queryHead = block.head &* heads.headsPerKey &+ row % heads.headsPerKey
      scratch.softmax.write(FloatRow(target + queryHead &* heads.headSize), row: row, headSize: heads.headSize)
    }
  }
}

/// A block of one group's rows: some positions, all copies of the group, and all query heads of one kv head.
private struct CachedQueryBlock: AttendingBlock {
  let heads: HeadShape
  let group: CachedQueries
  let positions: Range<Int>
  /// The kv head.
  let head: Int
  /// Index of the block's first query among all queries of the call.
  let firstQuery: Int
  let queries: UnsafeRawPointer

  /// - Parameters:
  ///   - queries: of all groups, [kv heads][queries][heads per key][padded e].
  ///   - queryCount: queries of all groups.
  init(
    _ heads: HeadShape, _ group: CachedQueries, _ positions: Range<Int>, head: Int, queries: Matrix, queryCount: Int
  ) {
    self.heads = heads
    self.group = group
    self.positions = positions
    self.head = head
    firstQuery = group.start &+ (positions.lowerBound &- group.positions.lowerBound) &* group.copies
    let row = (head &* queryCount &+ firstQuery) &* heads.headsPerKey
    self.queries = UnsafeRawPointer(queries.base) + row &* heads.paddedHeadSize &* queries.type.bytes
  }

  var rows: Int { positions.count &* group.copies &* heads.headsPerKey }
  var keys: [CachedKeys] { group.keys }

  @inline(__always)
  func keyPanels(of keys: CachedKeys) -> UnsafeRawPointer { UnsafeRawPointer(keys.store.panels(head)) }

  @inline(__always)
  func interleavedValues(of keys: CachedKeys) -> UnsafeRawPointer { UnsafeRawPointer(keys.store.values(head)) }

  @inline(__always)
  func eachTile(of keys: CachedKeys, _ body: (_ rows: Range<Int>, _ keys: Range<Int>) -> Void) {
    let lastCopy = group.firstCopy &+ group.copies &- 1
    if lastCopy < keys.firstCopy { return }
    let rowsPerPosition = group.copies &* heads.headsPerKey
    // With a short window, few positions at a time see nearly the same keys.
    let step = max(16, positions.upperBound &- keys.firstVisible(positions.upperBound &- 1))
    var position = positions.lowerBound
    while position < positions.upperBound {
      let end = min(position &+ step, positions.upperBound)
      let first = (position &- positions.lowerBound) &* rowsPerPosition
      let rows = first..<first &+ (end &- position) &* rowsPerPosition
      KeyTiles.forEach(
        from: keys.visible(position: position, copy: lastCopy).lowerBound,
        to: keys.visible(position: end &- 1, copy: lastCopy).upperBound
      ) {
        body(rows, $0)
      }
      position = end
    }
  }

  @inline(__always)
  func visible(row: Int, of keys: CachedKeys, in range: Range<Int>) -> (from: Int, to: Int) {
    let query = row / heads.headsPerKey
    let visible = keys.visible(
      position: positions.lowerBound &+ query / group.copies, copy: group.firstCopy &+ query % group.copies)
    return (
      max(visible.lowerBound, range.lowerBound) &- range.lowerBound,
      min(visible.upperBound, range.upperBound) &- range.lowerBound
    )
  }
}
