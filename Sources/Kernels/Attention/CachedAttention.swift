/// A run of a sequence's keys, as queries of any later position see them.
public struct CachedKeys {
  let store: KeyStore
  /// The position of slot 0.
  let first: Int
  /// Keys at each position, and which copy the first of them is, from 0: earlier copies' queries see none.
  let copies: Int
  let firstCopy: Int
  /// The first position that a position's queries see.
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

/// Queries of one sequence's positions, `copies` side by side at each.
public struct CachedQueries {
  let positions: Range<Int>
  let copies: Int
  /// Which copy the first is, from 0.
  let firstCopy: Int
  /// The first of them among all queries.
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

/// Attention of new positions' queries to cached keys, block by block as in ``Attention``.
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

  /// Rows of a block, unless the copies of one position are more.
  private static let rows = 256

  /// Writes each query's output to its row.
  ///
  /// - Parameters:
  ///   - output: [rows, query heads · e].
  ///   - queries: [kv heads][queries][heads per key][padded e], see ``HeadRows``.
  ///   - order: of each query, the row of `output`.
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
      max(1, CachedAttention.rows / (group.copies * heads.headsPerKey))
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
      // The last blocks see the most keys: they go first.
      let (group, positions) = tasks[tasks.count - 1 - index / heads.keyValueHeads]
      block(
        output, queries, order, group, positions, head: index % heads.keyValueHeads,
        AttentionScratch<Lane>(scratch + worker * count, rows: rows, headSize: heads.paddedHeadSize))
    }
  }

  private func block<Lane: PackedLane>(
    _ output: Matrix, _ queries: Matrix, _ order: [Int32], _ group: CachedQueries, _ positions: Range<Int>, head: Int,
    _ scratch: AttentionScratch<Lane>
  ) {
    let size = heads.paddedHeadSize
    let lanes = size / Lane.elements
    let first = group.start &+ (positions.lowerBound &- group.positions.lowerBound) &* group.copies
    let rows = positions.count &* group.copies &* heads.headsPerKey
    let own =
      UnsafePointer(queries.base.assumingMemoryBound(to: Lane.self))
      + (head &* order.count &+ first) &* heads.headsPerKey &* lanes
    scratch.reset(rows: rows, headSize: size)
    for source in group.keys where source.firstCopy < group.firstCopy &+ group.copies {
      tiles(of: source, group, positions) { tile, keys in
        let row = (tile.lowerBound &- positions.lowerBound) &* group.copies &* heads.headsPerKey
        let count = tile.count &* group.copies &* heads.headsPerKey
        KeyPanels.multiply(
          scratch.scores, cStride: QueryBlock.scoreStride, own + row &* lanes, rows: count,
          UnsafePointer(source.store.panels(head).assumingMemoryBound(to: Lane.self)), size: lanes, range: keys)
        scratch.softmax(row..<row &+ count, count: keys.count, headSize: size) {
          let place = ($0 &- row) / heads.headsPerKey
          let visible = source.visible(
            position: tile.lowerBound &+ place / group.copies, copy: group.firstCopy &+ place % group.copies)
          return (
            max(visible.lowerBound, keys.lowerBound) &- keys.lowerBound,
            min(visible.upperBound, keys.upperBound) &- keys.lowerBound
          )
        }
        BlockProduct.multiply(
          scratch.outputs + row &* size, cStride: size, rows: count, columns: size, inner: Lane.lanes(for: keys.count),
          UnsafeRawPointer(scratch.scores).assumingMemoryBound(to: Lane.self), rowStride: QueryBlock.scoreStride,
          innerStride: 1,
          UnsafePointer(source.store.values(head).assumingMemoryBound(to: Lane.self))
            + keys.lowerBound / Lane.elements &* size, bStride: size, accumulating: true)
      }
    }
    for row in 0..<rows {
      let target = output.row(Int(order[first &+ row / heads.headsPerKey]))
      let queryHead = head &* heads.headsPerKey &+ row % heads.headsPerKey
      scratch.write(FloatRow(target + queryHead &* heads.headSize), row: row, headSize: heads.headSize)
    }
  }

  /// Calls `body` for each block of keys with the positions that see some of it; blocks start at whole vectors.
  @inline(__always)
  private func tiles(
    of source: CachedKeys, _ group: CachedQueries, _ positions: Range<Int>,
    _ body: (_ positions: Range<Int>, _ keys: Range<Int>) -> Void
  ) {
    let last = group.firstCopy &+ group.copies &- 1
    // As many positions at a time as see nearly the same keys.
    let seen = positions.upperBound &- source.firstVisible(positions.upperBound &- 1)
    var position = positions.lowerBound
    while position < positions.upperBound {
      let end = min(position &+ max(16, seen), positions.upperBound)
      var key = source.visible(position: position, copy: last).lowerBound / vectorWidth &* vectorWidth
      let keyEnd = source.visible(position: end &- 1, copy: last).upperBound
      while key < keyEnd {
        let next = min((key / QueryBlock.keyBlock &+ 1) &* QueryBlock.keyBlock, keyEnd)
        body(position..<end, key..<next)
        key = next
      }
      position = end
    }
  }
}
