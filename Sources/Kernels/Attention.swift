/// softmax(q kᵀ / √e) v under a pattern of copies, block by block (Dao et al., arXiv 2205.14135): scores exist for one
/// block of queries and keys at a time.
///
/// Every block of queries of one group of copies is its own set of matrix products, whatever other groups there are:
/// so the originals come out the same, bit for bit, with and without hidden copies beside them.
public struct Attention: Sendable {
  public let shape: AttentionShape
  private let scratch: Buffer
  private let scratchStride: Int
  private let scratchRows: Int

  /// - Parameter copies: the largest number of copies in one group of queries.
  public init(_ shape: AttentionShape, copies: Int, on team: ThreadTeam) {
    self.shape = shape
    // A small group's block may have more rows than a large one's: whole positions are rounded down to.
    scratchRows = (1...max(copies, 1)).map { QueryBlock.maximumRows(shape, copies: $0) }.max() ?? 0
    scratchStride = (1...max(copies, 1)).map { AttentionScratch.count(shape, copies: $0) }.max() ?? 0
    scratch = Buffer(count: scratchStride * team.count)
  }

  /// Floats of scratch for `team` threads.
  public static func scratchCount(_ shape: AttentionShape, copies: Int, threads: Int) -> Int {
    threads * ((1...max(copies, 1)).map { AttentionScratch.count(shape, copies: $0) }.max() ?? 0)
  }

  private func scratch(of worker: Int) -> AttentionScratch {
    AttentionScratch(scratch.pointer + worker * scratchStride, rows: scratchRows, headSize: shape.paddedHeadSize)
  }

  // MARK: forward

  /// Writes the output and the logsumexps of every group of queries.
  public func forward(_ groups: [AttentionQueries], on team: ThreadTeam) {
    let heads = shape.sequences * shape.keyValueHeads
    eachSource(of: groups) { source in
      KeyPanels(shape, copies: source.copies).fill(source.keyPanels, from: source.keys, on: team)
    }
    for queries in groups {
      let blocks = QueryBlock.blocks(shape, copies: queries.copies)
      team.forEach(heads * blocks) { index, worker in
        // The last blocks see the most keys: they go first.
        let block = QueryBlock(shape, queries, block: blocks - 1 - index / heads)
        forward(block, head: index % heads, scratch(of: worker))
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

  private func forward(_ block: QueryBlock, head: Int, _ scratch: AttentionScratch) {
    let size = shape.paddedHeadSize
    let rowsOfHead = shape.positions * block.rowsPerPosition
    let queries = block.queries.queries + (head * rowsOfHead + block.firstRow) * size
    scratch.outputs.update(repeating: 0, count: block.rows * size)
    scratch.sums.update(repeating: 0, count: block.rows)
    scratch.maxima.update(repeating: -.infinity, count: block.rows)
    for source in block.queries.keys {
      let panels = KeyPanels(shape, copies: source.copies)
      let values = source.values + head * shape.positions * source.copies * size
      block.eachTile(of: source) { rows, keys in
        panels.multiply(
          scratch.scores, cStride: AttentionScratch.stride, queries + rows.lowerBound &* size, rows: rows.count,
          source.keyPanels, head: head, range: keys)
        for row in rows {
          let scores = scratch.scores + (row &- rows.lowerBound) &* AttentionScratch.stride
          softmax(block, row, scores, source, keys, scratch)
        }
        BlockProduct.multiply(
          scratch.outputs + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: keys.count, scratch.scores, rowStride: AttentionScratch.stride, innerStride: 1,
          values + keys.lowerBound &* size, bStride: size, accumulating: true)
      }
    }
    write(block, head: head, scratch)
  }

  /// One row's scores → powers of two less the running maximum; earlier sums and outputs are scaled to the new one.
  @inline(__always)
  private func softmax(
    _ block: QueryBlock, _ row: Int, _ scores: UnsafeMutablePointer<Float>, _ source: AttentionKeys,
    _ keys: Range<Int>, _ scratch: AttentionScratch
  ) {
    let (from, to) = block.visible(row: row, of: source, in: keys)
    if from >= to {
      scores.update(repeating: 0, count: keys.count)
      return
    }
    var highest = scratch.maxima[row]
    let before = highest
    highest = max(highest, maximum(scores, from: from, to: to))
    if before != highest {
      let factor = before == -.infinity ? 0 : exp2(before - highest)
      scratch.maxima[row] = highest
      scratch.sums[row] *= factor
      let output = scratch.outputs + row &* shape.paddedHeadSize
      var column = 0
      while column < shape.paddedHeadSize {
        output.store(output.vector(at: column) * factor, at: column)
        column &+= vectorWidth
      }
    }
    scratch.sums[row] += powers(scores, from: from, to: to, less: highest)
    clear(scores, outside: from, to, of: keys.count)
  }

  /// The output of a block, divided by its sums, to the rows and columns of the projection that follows.
  private func write(_ block: QueryBlock, head: Int, _ scratch: AttentionScratch) {
    let logSumExps = block.queries.logSumExps + head * shape.positions * block.rowsPerPosition + block.firstRow
    for row in 0..<block.rows { logSumExps[row] = scratch.maxima[row] + binaryLogarithm(scratch.sums[row]) }
    switch block.queries.output.type {
    case .fp32: write(FloatRow.self, block, head: head, scratch)
    case .bf16: write(HalfRow.self, block, head: head, scratch)
    }
  }

  @inline(__always)
  private func write<Row: MatrixRow>(_: Row.Type, _ block: QueryBlock, head: Int, _ scratch: AttentionScratch) {
    for row in 0..<block.rows {
      let factor = 1 / scratch.sums[row]
      let source = scratch.outputs + row &* shape.paddedHeadSize
      let target: Row = outputRow(block.queries.output, block, row, head: head)
      overVectors(shape.headSize) { column in
        target.store(source.vector(at: column) * factor, at: column)
      } tail: { column in
        target[column] = source[column] * factor
      }
    }
  }

  /// Where a block's row has its head in a matrix of the projection's order.
  @inline(__always)
  private func outputRow<Row: MatrixRow>(_ matrix: Matrix, _ block: QueryBlock, _ row: Int, head: Int) -> Row {
    let sequence = head / shape.keyValueHeads
    let queryHead = head % shape.keyValueHeads &* shape.headsPerKey &+ row % shape.headsPerKey
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
    eachSource(of: groups) { source in
      guard let valuePanels = source.valuePanels else { preconditionFailure("values without room for their panels") }
      let panels = KeyPanels(shape, copies: source.copies)
      panels.fill(source.keyPanels, from: source.keys, on: team)
      panels.fill(valuePanels, from: source.values, on: team)
      clearGradients(source, on: team)
    }
    team.forEach(shape.sequences * shape.keyValueHeads) { head, worker in
      for (queries, gradient) in zip(groups, outputGradients) {
        for block in 0..<QueryBlock.blocks(shape, copies: queries.copies) {
          backward(QueryBlock(shape, queries, block: block), head: head, gradient, scratch(of: worker))
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

  private func backward(_ block: QueryBlock, head: Int, _ gradient: Matrix, _ scratch: AttentionScratch) {
    let size = shape.paddedHeadSize
    let firstRow = head * shape.positions * block.rowsPerPosition + block.firstRow
    guard let queryGradients = block.queries.queryGradients else {
      preconditionFailure("queries without a place for their gradients")
    }
    readOutputGradients(block, head: head, gradient, scratch)
    scratch.queryGradients.update(repeating: 0, count: block.rows * size)
    let queries = block.queries.queries + firstRow * size
    let logSumExps = block.queries.logSumExps + firstRow
    let stride = AttentionScratch.stride
    for source in block.queries.keys {
      guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients,
        let valuePanels = source.valuePanels
      else { continue }
      let panels = KeyPanels(shape, copies: source.copies)
      let start = head * shape.positions * source.copies
      block.eachTile(of: source) { rows, range in
        let offset = (start &+ range.lowerBound) &* size
        let ownQueries = queries + rows.lowerBound &* size
        let outputs = scratch.outputs + rows.lowerBound &* size
        let (scores, upstream) = (scratch.scores, scratch.scoreGradients)
        panels.multiply(
          scores, cStride: stride, ownQueries, rows: rows.count, source.keyPanels, head: head, range: range)
        panels.multiply(upstream, cStride: stride, outputs, rows: rows.count, valuePanels, head: head, range: range)
        for row in rows {
          let local = (row &- rows.lowerBound) &* stride
          let (from, to) = block.visible(row: row, of: source, in: range)
          reverse(
            scores + local, upstream + local, from: from, to: max(to, from), count: range.count,
            logSumExp: logSumExps[row], sum: scratch.sums[row])
        }
        BlockProduct.multiply(
          valueGradients + offset, cStride: size, rows: range.count, columns: size, inner: rows.count,
          scores, rowStride: 1, innerStride: stride, outputs, bStride: size, accumulating: true)
        BlockProduct.multiply(
          keyGradients + offset, cStride: size, rows: range.count, columns: size, inner: rows.count,
          upstream, rowStride: 1, innerStride: stride, ownQueries, bStride: size, accumulating: true)
        BlockProduct.multiply(
          scratch.queryGradients + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: range.count, upstream, rowStride: stride, innerStride: 1, source.keys + offset, bStride: size,
          accumulating: true)
      }
    }
    let target = queryGradients + firstRow * size
    var index = 0
    while index < block.rows &* size {
      target.store(scratch.queryGradients.vector(at: index) * shape.queryScale, at: index)
      index &+= vectorWidth
    }
  }

  /// outputs ← the gradient of the block's output; sums ← Σ output · its gradient, the softmax's own term.
  private func readOutputGradients(_ block: QueryBlock, head: Int, _ gradient: Matrix, _ scratch: AttentionScratch) {
    precondition(gradient.type == block.queries.output.type, "\(gradient), \(block.queries.output)")
    switch gradient.type {
    case .fp32: readOutputGradients(FloatRow.self, block, head: head, gradient, scratch)
    case .bf16: readOutputGradients(HalfRow.self, block, head: head, gradient, scratch)
    }
  }

  @inline(__always)
  private func readOutputGradients<Row: MatrixRow>(
    _: Row.Type, _ block: QueryBlock, head: Int, _ gradient: Matrix, _ scratch: AttentionScratch
  ) {
    for row in 0..<block.rows {
      let source: Row = outputRow(gradient, block, row, head: head)
      let output: Row = outputRow(block.queries.output, block, row, head: head)
      let target = scratch.outputs + row &* shape.paddedHeadSize
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
      for padding in shape.headSize..<shape.paddedHeadSize { target[padding] = 0 }
      scratch.sums[row] = sums.laneSum + sum
    }
  }

  /// One row: scores → probabilities p, upstream (the gradient of p) → p · (upstream − sum) · ln 2, that of the scores.
  @inline(__always)
  private func reverse(
    _ scores: UnsafeMutablePointer<Float>, _ upstream: UnsafeMutablePointer<Float>, from: Int, to: Int, count: Int,
    logSumExp: Float, sum: Float
  ) {
    var index = from
    while index < to {
      let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
      let p = exp2(scores.vector(at: index) - logSumExp).replacing(with: 0, where: beyond)
      scores.store(p, at: index)
      upstream.store((p * ln2 * (upstream.vector(at: index) - sum)).replacing(with: 0, where: beyond), at: index)
      index &+= vectorWidth
    }
    clear(scores, outside: from, to, of: count)
    clear(upstream, outside: from, to, of: count)
  }
}

// MARK: rows of scores

/// The largest of x[from..<to]; reads up to a vector beyond.
@inline(__always)
private func maximum(_ x: UnsafePointer<Float>, from: Int, to: Int) -> Float {
  var highest = Vector(repeating: -.infinity)
  var index = from
  while index &+ vectorWidth <= to {
    let value = x.vector(at: index)
    highest = highest.replacing(with: value, where: value .> highest)
    index &+= vectorWidth
  }
  if index < to {
    let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
    let value = x.vector(at: index).replacing(with: -.infinity, where: beyond)
    highest = highest.replacing(with: value, where: value .> highest)
  }
  return highest.laneMaximum
}

/// x[from..<to] ← 2^(x − highest); their sum. Up to a vector beyond is set to zero.
@inline(__always)
private func powers(_ x: UnsafeMutablePointer<Float>, from: Int, to: Int, less highest: Float) -> Float {
  var sums = Vector.zero
  var index = from
  while index &+ vectorWidth <= to {
    let value = exp2(x.vector(at: index) - highest)
    x.store(value, at: index)
    sums += value
    index &+= vectorWidth
  }
  if index < to {
    let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
    let value = exp2(x.vector(at: index) - highest).replacing(with: 0, where: beyond)
    x.store(value, at: index)
    sums += value
  }
  return sums.laneSum
}

/// x ← 0 in 0..<from and to..<count.
@inline(__always)
private func clear(_ x: UnsafeMutablePointer<Float>, outside from: Int, _ to: Int, of count: Int) {
  if from > 0 { x.update(repeating: 0, count: min(from, count)) }
  if to < count { (x + to).update(repeating: 0, count: count &- to) }
}
