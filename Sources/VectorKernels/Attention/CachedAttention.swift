import Tensors

/// The implementation of ``CachedAttentionKernel``, tile by tile as in ``Attention``.
final class CachedAttention: CachedAttentionKernel {
  private let heads: HeadShape
  private let type: ElementType
  private let team: ThreadTeam
  private var scratch = Buffer(count: 0)

  /// - Parameter type: of queries and cached keys.
  init(_ heads: HeadShape, _ type: ElementType, on team: ThreadTeam) {
    self.heads = heads
    self.type = type
    self.team = team
  }

  /// The number of rows of a block, unless one position has more.
  private static let blockRows = 256

  func forward(_ output: Matrix, queries: Matrix, order: [Int32], _ groups: [CachedQueries]) {
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
