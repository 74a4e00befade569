/// softmax(q kᵀ / √e) v under a pattern of copies, block by block (Dao et al., arXiv 2205.14135): scores exist for one
/// block of queries and keys at a time.
///
/// Every block of queries of one group of copies is its own set of matrix products, whatever other groups there are:
/// so the originals come out the same, bit for bit, with and without hidden copies beside them.
///
/// Products are of fp32 or of bf16 (and then probabilities and their gradients are rounded to bf16 for them, and queries,
/// keys and values kept so); sums, softmax and gradients are fp32 in both.
public struct Attention: Sendable {
  public let shape: AttentionShape
  public let type: ElementType
  private let scratch: Buffer
  private let scratchStride: Int
  private let scratchRows: Int

  /// - Parameter copies: the largest number of copies in one group of queries.
  public init(_ shape: AttentionShape, _ type: ElementType, copies: Int, on team: ThreadTeam) {
    self.shape = shape
    self.type = type
    scratchRows = Attention.maximumRows(shape, copies: copies)
    scratchStride = Attention.scratchCount(shape, type, copies: copies, threads: 1)
    scratch = Buffer(count: scratchStride * team.count)
  }

  /// Floats of scratch for `team` threads.
  public static func scratchCount(_ shape: AttentionShape, _ type: ElementType, copies: Int, threads: Int) -> Int {
    let rows = maximumRows(shape, copies: copies)
    switch type {
    case .fp32: return threads * AttentionScratch<Float>.count(rows: rows, headSize: shape.paddedHeadSize)
    case .bf16: return threads * AttentionScratch<BF16Pair>.count(rows: rows, headSize: shape.paddedHeadSize)
    }
  }

  /// The rows of the largest block of any group. A small group's block may have more rows than a large one's: whole
  /// positions are rounded down to.
  private static func maximumRows(_ shape: AttentionShape, copies: Int) -> Int {
    (1...max(copies, 1)).map { QueryBlock.maximumRows(shape, copies: $0) }.max() ?? 0
  }

  private func scratch<Lane>(of worker: Int) -> AttentionScratch<Lane> {
    AttentionScratch(scratch.pointer + worker * scratchStride, rows: scratchRows, headSize: shape.paddedHeadSize)
  }

  private func panels(_ source: AttentionKeys) -> KeyPanels { KeyPanels(shape, type, copies: source.copies) }

  /// Words of a padded head.
  private var lanesPerHead: Int { shape.paddedHeadSize * type.bytes / 4 }

  // MARK: forward

  /// Writes the output and the logsumexps of every group of queries.
  public func forward(_ groups: [AttentionQueries], on team: ThreadTeam) {
    switch type {
    case .fp32: forward(Float.self, groups, team)
    case .bf16: forward(BF16Pair.self, groups, team)
    }
  }

  @inline(__always)
  private func forward<Lane: PackedLane>(_: Lane.Type, _ groups: [AttentionQueries], _ team: ThreadTeam) {
    let heads = shape.sequences * shape.keyValueHeads
    eachSource(of: groups) { source in
      panels(source).transpose(lanes(source.keyPanels, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      panels(source).interleave(lanes(source.interleaved, Lane.self), from: lanes(source.values, Lane.self), on: team)
    }
    for queries in groups {
      let blocks = QueryBlock.blocks(shape, copies: queries.copies)
      team.forEach(heads * blocks) { index, worker in
        // The last blocks see the most keys: they go first.
        let block = QueryBlock(shape, queries, block: blocks - 1 - index / heads, head: index % heads)
        forward(block, scratch(of: worker) as AttentionScratch<Lane>)
      }
    }
  }

  /// Calls `body` once for each set of keys that any group sees.
  private func eachSource(of groups: [AttentionQueries], _ body: (AttentionKeys) -> Void) {
    for (index, queries) in groups.enumerated() {
      for source in queries.keys
      where !groups[..<index].contains(where: { $0.keys.contains { $0.keys == source.keys } }) {
        body(source)
      }
    }
  }

  private func forward<Lane>(_ block: QueryBlock, _ scratch: AttentionScratch<Lane>) {
    let head = block.head
    let size = shape.paddedHeadSize
    let rowsOfHead = shape.positions * block.rowsPerPosition
    let queries = lanes(block.queries.queries, Lane.self) + (head * rowsOfHead + block.firstRow) * lanesPerHead
    scratch.reset(rows: block.rows, headSize: size)
    for source in block.queries.keys {
      let panels = panels(source)
      let values: UnsafePointer<Lane> = interleaved(source.values, source) + head * panels.interleavedPerHead
      block.eachTile(of: source) { rows, keys in
        panels.multiply(
          scratch.scores, cStride: QueryBlock.scoreStride, queries + rows.lowerBound &* lanesPerHead, rows: rows.count,
          lanes(source.keyPanels, Lane.self), head: head, range: keys)
        scratch.softmax(rows, count: keys.count, headSize: size) { block.visible(row: $0, of: source, in: keys) }
        BlockProduct.multiply(
          scratch.outputs + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: Lane.lanes(for: keys.count), lanes(scratch.scores, Lane.self), rowStride: QueryBlock.scoreStride,
          innerStride: 1, values + keys.lowerBound / Lane.elements &* size, bStride: size, accumulating: true)
      }
    }
    write(block, scratch)
  }

  /// A group's keys or values as the right operand of a product whose inner dimension they are.
  @inline(__always)
  private func interleaved<Lane: PackedLane>(
    _ rows: UnsafeMutableRawPointer, _ source: AttentionKeys
  ) -> UnsafePointer<Lane> {
    UnsafePointer(lanes(Lane.elements == 1 ? rows : source.interleaved, Lane.self))
  }

  /// The output of a block, divided by its sums, to the rows and columns of the projection that follows.
  private func write<Lane>(_ block: QueryBlock, _ scratch: AttentionScratch<Lane>) {
    let logSumExps = block.queries.logSumExps + block.head * shape.positions * block.rowsPerPosition + block.firstRow
    for row in 0..<block.rows { logSumExps[row] = scratch.maxima[row] + binaryLogarithm(scratch.sums[row]) }
    switch block.queries.output.type {
    case .fp32: write(FloatRow.self, block, scratch)
    case .bf16: write(BF16Row.self, block, scratch)
    }
  }

  @inline(__always)
  private func write<Row: MatrixRow, Lane>(
    _: Row.Type, _ block: QueryBlock, _ scratch: AttentionScratch<Lane>
  ) {
    for row in 0..<block.rows {
      let target: Row = outputRow(block.queries.output, block, row)
      scratch.write(target, row: row, headSize: shape.headSize)
    }
  }

  /// Where a block's row has its head in a matrix of the projection's order.
  @inline(__always)
  private func outputRow<Row: MatrixRow>(_ matrix: Matrix, _ block: QueryBlock, _ row: Int) -> Row {
    let sequence = block.head / shape.keyValueHeads
    let queryHead = block.head % shape.keyValueHeads &* shape.headsPerKey &+ row % shape.headsPerKey
    let place = row / shape.headsPerKey
    let position = block.first &+ place / block.queries.copies
    let copy = place % block.queries.copies
    return Row(matrix, (copy &* shape.sequences &+ sequence) &* shape.positions &+ position)
      .advanced(by: queryHead &* shape.headSize)
  }

  // MARK: backward

  /// Given the gradient of each group's output (rows and columns as the output's), writes the gradients of its
  /// queries, and of all keys and values, to where the groups say, in attention's order.
  ///
  /// The gradients are of the queries and keys before their scale.
  public func backward(_ groups: [AttentionQueries], outputGradients: [Matrix], on team: ThreadTeam) {
    precondition(groups.count == outputGradients.count, "\(groups.count) groups")
    switch type {
    case .fp32: backward(Float.self, groups, outputGradients, team)
    case .bf16: backward(BF16Pair.self, groups, outputGradients, team)
    }
  }

  @inline(__always)
  private func backward<Lane: PackedLane>(
    _: Lane.Type, _ groups: [AttentionQueries], _ outputGradients: [Matrix], _ team: ThreadTeam
  ) {
    eachSource(of: groups) { source in
      guard let valuePanels = source.valuePanels else { preconditionFailure("values without room for their panels") }
      let panels = panels(source)
      panels.transpose(lanes(source.keyPanels, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      panels.transpose(lanes(valuePanels, Lane.self), from: lanes(source.values, Lane.self), on: team)
      panels.interleave(lanes(source.interleaved, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      clearGradients(source, on: team)
    }
    team.forEach(shape.sequences * shape.keyValueHeads) { head, worker in
      for (queries, gradient) in zip(groups, outputGradients) {
        for block in 0..<QueryBlock.blocks(shape, copies: queries.copies) {
          backward(
            QueryBlock(shape, queries, block: block, head: head), gradient,
            scratch(of: worker) as AttentionScratch<Lane>)
        }
      }
    }
  }

  private func clearGradients(_ source: AttentionKeys, on team: ThreadTeam) {
    guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients else {
      preconditionFailure("keys without a place for their gradients")
    }
    let count = shape.positions * source.copies * shape.paddedHeadSize
    team.forEach(shape.sequences * shape.keyValueHeads) { head, _ in
      (keyGradients + head * count).update(repeating: 0, count: count)
      (valueGradients + head * count).update(repeating: 0, count: count)
    }
  }

  private func backward<Lane: PackedLane>(
    _ block: QueryBlock, _ gradient: Matrix, _ scratch: AttentionScratch<Lane>
  ) {
    let size = shape.paddedHeadSize
    let head = block.head
    let firstRow = head * shape.positions * block.rowsPerPosition + block.firstRow
    guard let queryGradients = block.queries.queryGradients else {
      preconditionFailure("queries without a place for their gradients")
    }
    readOutputGradients(block, gradient, scratch)
    scratch.queryGradients.update(repeating: 0, count: block.rows * size)
    let queries = lanes(block.queries.queries, Lane.self) + firstRow * lanesPerHead
    let outputs = lanes(scratch.outputs, Lane.self)
    let interleavedQueries = Lane.interleave(
      queries, stride: lanesPerHead, count: block.rows, columns: size, into: scratch.interleavedQueries,
      targetStride: size
    ).lanes
    let interleavedOutputs = Lane.interleave(
      outputs, stride: lanesPerHead, count: block.rows, columns: size, into: scratch.interleavedOutputs,
      targetStride: size
    ).lanes
    let logSumExps = block.queries.logSumExps + firstRow
    let stride = QueryBlock.scoreStride
    for source in block.queries.keys {
      guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients,
        let valuePanels = source.valuePanels
      else { continue }
      let panels = panels(source)
      let keys: UnsafePointer<Lane> = interleaved(source.keys, source) + head * panels.interleavedPerHead
      let start = head * shape.positions * source.copies
      block.eachTile(of: source) { rows, range in
        let offset = (start &+ range.lowerBound) &* size
        let own = rows.lowerBound &* lanesPerHead
        let ownInterleaved = rows.lowerBound / Lane.elements &* size
        let (scores, upstream) = (scratch.scores, scratch.scoreGradients)
        panels.multiply(
          scores, cStride: stride, queries + own, rows: rows.count, lanes(source.keyPanels, Lane.self), head: head,
          range: range)
        panels.multiply(
          upstream, cStride: stride, outputs + own, rows: rows.count, lanes(valuePanels, Lane.self), head: head,
          range: range)
        for row in rows {
          let local = (row &- rows.lowerBound) &* stride
          let (from, to) = block.visible(row: row, of: source, in: range)
          softmaxBackward(
            Lane.Row.self, scores + local, upstream + local, from: from, to: max(to, from),
            count: Lane.lanes(for: range.count) &* Lane.elements, logSumExp: logSumExps[row], sum: scratch.sums[row])
        }
        /// gradients [range, padded e] += matrixᵀ · right.
        func addTransposed(
          _ gradients: UnsafeMutablePointer<Float>, _ matrix: UnsafeMutablePointer<Float>, _ right: UnsafePointer<Lane>
        ) {
          let (left, leftStride) = Lane.interleave(
            lanes(matrix, Lane.self), stride: stride, count: rows.count, columns: range.count,
            into: scratch.interleavedScores, targetStride: stride)
          BlockProduct.multiply(
            gradients + offset, cStride: size, rows: range.count, columns: size, inner: Lane.lanes(for: rows.count),
            left, rowStride: 1, innerStride: leftStride, right + ownInterleaved, bStride: size, accumulating: true)
        }
        addTransposed(valueGradients, scores, interleavedOutputs)
        addTransposed(keyGradients, upstream, interleavedQueries)
        BlockProduct.multiply(
          scratch.queryGradients + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: Lane.lanes(for: range.count), lanes(upstream, Lane.self), rowStride: stride, innerStride: 1,
          keys + range.lowerBound / Lane.elements &* size, bStride: size, accumulating: true)
      }
    }
    let target = queryGradients + firstRow * size
    var index = 0
    while index < block.rows &* size {
      target.store(scratch.queryGradients.vector(at: index) * shape.queryScale, at: index)
      index &+= vectorWidth
    }
  }

  /// outputs ← the gradient of the block's output, as elements; sums ← Σ output · its gradient, the softmax's own term.
  private func readOutputGradients<Lane>(
    _ block: QueryBlock, _ gradient: Matrix, _ scratch: AttentionScratch<Lane>
  ) {
    precondition(gradient.type == block.queries.output.type, "\(gradient), \(block.queries.output)")
    switch gradient.type {
    case .fp32: readOutputGradients(FloatRow.self, block, gradient, scratch)
    case .bf16: readOutputGradients(BF16Row.self, block, gradient, scratch)
    }
  }

  @inline(__always)
  private func readOutputGradients<Row: MatrixRow, Lane>(
    _: Row.Type, _ block: QueryBlock, _ gradient: Matrix, _ scratch: AttentionScratch<Lane>
  ) {
    let targets = Lane.Row(UnsafeMutableRawPointer(scratch.outputs))
    for row in 0..<block.rows {
      let source: Row = outputRow(gradient, block, row)
      let output: Row = outputRow(block.queries.output, block, row)
      let target = targets.advanced(by: row &* shape.paddedHeadSize)
      var sums = Vector.zero
      var sum: Float = 0
      overVectors(shape.headSize) { column in
        let value = source.vector(at: column)
        target.store(value, at: column)
        sums = sums.addingProduct(value, output.vector(at: column))
      } tail: { column in
        target[column] = source[column]
        sum += source[column] * output[column]
      }
      target.clear(shape.headSize..<shape.paddedHeadSize)
      scratch.sums[row] = sums.laneSum + sum
    }
  }

  /// One row: scores → probabilities p, upstream (the gradient of p) → p · (upstream − sum) · ln 2, that of the scores;
  /// both in place, as elements, and zero outside of `from`..<`to`.
  @inline(__always)
  private func softmaxBackward<Row: MatrixRow>(
    _: Row.Type, _ scores: UnsafeMutablePointer<Float>, _ upstream: UnsafeMutablePointer<Float>, from: Int, to: Int,
    count: Int, logSumExp: Float, sum: Float
  ) {
    let (probabilities, gradients) = (Row(UnsafeMutableRawPointer(scores)), Row(UnsafeMutableRawPointer(upstream)))
    func step(_ index: Int, _ limited: (Vector) -> Vector) {
      let p = limited(exp2(scores.vector(at: index) - logSumExp))
      probabilities.store(p, at: index)
      gradients.store(limited(p * ln2 * (upstream.vector(at: index) - sum)), at: index)
    }
    var index = from
    while index &+ vectorWidth <= to {
      step(index) { $0 }
      index &+= vectorWidth
    }
    if index < to {
      let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
      step(index) { $0.replacing(with: 0, where: beyond) }
    }
    probabilities.clear(outside: from, to, of: count)
    gradients.clear(outside: from, to, of: count)
  }

  /// Memory as lanes.
  @inline(__always)
  private func lanes<Lane: PackedLane>(
    _ memory: UnsafeMutableRawPointer, _: Lane.Type
  ) -> UnsafeMutablePointer<Lane> { memory.assumingMemoryBound(to: Lane.self) }
}
