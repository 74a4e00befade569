import Tensors

/// The implementation of ``AttentionKernel``, tile by tile (Dao et al., arXiv 2205.14135): scores exist for one block of
/// queries and one tile of keys at a time.
///
/// How a group's work is cut into blocks and tiles does not depend on other groups, and the originals see only
/// originals. So the outputs of the original tokens have the same bits with and without hidden copies.
struct Attention: AttentionKernel {
  let shape: AttentionShape
  let type: ElementType
  private let scratch: Buffer
  private let scratchStride: Int
  private let scratchRows: Int

  /// - Parameter copies: the largest number of copies in one group of queries.
  init(_ shape: AttentionShape, _ type: ElementType, copies: Int, on team: ThreadTeam) {
    self.shape = shape
    self.type = type
    scratchRows = Attention.maximumRows(shape, copies: copies)
    scratchStride = Attention.scratchCount(shape, type, copies: copies, threads: 1)
    scratch = Buffer(count: scratchStride * team.count)
  }

  static func scratchCount(_ shape: AttentionShape, _ type: ElementType, copies: Int, threads: Int) -> Int {
    let rows = maximumRows(shape, copies: copies)
    switch type {
    case .fp32: return threads * AttentionScratch<Float>.count(rows: rows, headSize: shape.paddedHeadSize)
    case .bf16: return threads * AttentionScratch<BF16Pair>.count(rows: rows, headSize: shape.paddedHeadSize)
    }
  }

  /// The number of rows of the largest block of any group. A small group's block may have more rows than a large group's,
  /// because a block has whole positions.
  private static func maximumRows(_ shape: AttentionShape, copies: Int) -> Int {
    (1...max(copies, 1)).map { QueryBlock.maximumRows(shape, copies: $0) }.max() ?? 0
  }

  func scratch<Lane>(of worker: Int) -> AttentionScratch<Lane> {
    AttentionScratch(scratch.pointer + worker * scratchStride, rows: scratchRows, headSize: shape.paddedHeadSize)
  }

  func layout(of source: AttentionKeys) -> KeyPanels { KeyPanels(shape, type, copies: source.copies) }

  /// `memory`, viewed as packed lanes.
  @inline(__always)
  func lanes<Lane: PackedLane>(
    _ memory: UnsafeMutableRawPointer, _: Lane.Type
  ) -> UnsafeMutablePointer<Lane> { memory.assumingMemoryBound(to: Lane.self) }

  /// Calls `body` once for each set of keys that any group sees. Sets are compared by address, so that a set that several
  /// groups see is packed once.
  func eachSource(of groups: [AttentionQueries], _ body: (AttentionKeys) -> Void) {
    for (index, queries) in groups.enumerated() {
      for source in queries.keys
      where !groups[..<index].contains(where: { earlier in earlier.keys.contains { $0.keys == source.keys } }) {
        body(source)
      }
    }
  }

  func forward(_ groups: [AttentionQueries], on team: ThreadTeam) {
    switch type {
    case .fp32: forward(Float.self, groups, team)
    case .bf16: forward(BF16Pair.self, groups, team)
    }
  }

  @inline(__always)
  private func forward<Lane: PackedLane>(_: Lane.Type, _ groups: [AttentionQueries], _ team: ThreadTeam) {
    let sequenceHeads = shape.sequences * shape.keyValueHeads
    eachSource(of: groups) { source in
      let layout = layout(of: source)
      layout.transpose(lanes(source.keyPanels, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      layout.interleave(lanes(source.interleaved, Lane.self), from: lanes(source.values, Lane.self), on: team)
    }
    for queries in groups {
      let blocks = QueryBlock.blocks(shape, copies: queries.copies)
      team.forEach(sequenceHeads * blocks) { index, worker in
        // The last blocks see the most keys, so they start first.
        let block = QueryBlock(
          shape, type, queries, block: blocks - 1 - index / sequenceHeads, head: index % sequenceHeads)
        forward(block, scratch(of: worker) as AttentionScratch<Lane>)
      }
    }
  }

  private func forward<Lane>(_ block: QueryBlock, _ scratch: AttentionScratch<Lane>) {
    block.attend(scratch)
    let logSumExps = block.group.logSumExps + block.firstRow
    for row in 0..<block.rows { logSumExps[row] = scratch.softmax.logSumExp(row) }
    switch block.group.output.type {
    case .fp32: write(FloatRow.self, block, scratch.softmax)
    case .bf16: write(BF16Row.self, block, scratch.softmax)
    }
  }

  /// Writes a block's normalized outputs to the rows and columns of the projection that follows.
  @inline(__always)
  private func write<Row: MatrixRow, Lane>(_: Row.Type, _ block: QueryBlock, _ softmax: OnlineSoftmax<Lane>) {
    for row in 0..<block.rows {
      let target: Row = block.head(of: row, in: block.group.output)
      softmax.write(target, row: row, headSize: shape.headSize)
    }
  }
}
