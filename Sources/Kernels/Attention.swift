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
    AttentionScratch(scratch.pointer + worker * scratchStride, rows: scratchRows, headSize: shape.headSize)
  }

  // MARK: forward

  /// Writes the output and the logsumexps of every group of queries.
  public func forward(_ groups: [AttentionQueries], on team: ThreadTeam) {
    let heads = shape.sequences * shape.keyValueHeads
    for queries in groups {
      let blocks = QueryBlock.blocks(shape, copies: queries.copies)
      team.forEach(heads * blocks) { index, worker in
        // The last blocks see the most keys: they go first.
        let block = QueryBlock(shape, queries, block: blocks - 1 - index / heads)
        forward(block, head: index % heads, scratch(of: worker))
      }
    }
  }

  private func forward(_ block: QueryBlock, head: Int, _ scratch: AttentionScratch) {
    let size = shape.headSize
    let rowsOfHead = shape.positions * block.rowsPerPosition
    let queries = block.queries.queries + (head * rowsOfHead + block.firstRow) * size
    scratch.outputs.update(repeating: 0, count: block.rows * size)
    scratch.sums.update(repeating: 0, count: block.rows)
    scratch.maxima.update(repeating: -.infinity, count: block.rows)
    for source in block.queries.keys {
      let start = head * shape.positions * source.copies
      block.eachTile(of: source) { rows, keys in
        let scores = Matrix(scratch.scores, rows: rows.count, columns: keys.count, stride: AttentionScratch.stride)
        MatrixProduct.multiply(
          scores, Matrix(queries, rows: block.rows, columns: size).rows(rows), .asIs,
          Matrix(source.keys + (start + keys.lowerBound) * size, rows: keys.count, columns: size), .transposed)
        for row in rows {
          softmax(block, row, scores.row(row - rows.lowerBound), source, keys, scratch)
        }
        MatrixProduct.multiply(
          Matrix(scratch.outputs, rows: block.rows, columns: size).rows(rows), scores, .asIs,
          Matrix(source.values + (start + keys.lowerBound) * size, rows: keys.count, columns: size), .asIs, plus: 1)
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
      let output = scratch.outputs + row &* shape.headSize
      overVectors(shape.headSize) { column in
        output.store(output.vector(at: column) * factor, at: column)
      } tail: { column in
        output[column] *= factor
      }
    }
    scratch.sums[row] += powers(scores, from: from, to: to, less: highest)
    clear(scores, outside: from, to, of: keys.count)
  }

  /// The output of a block, divided by its sums, to the rows and columns of the projection that follows.
  private func write(_ block: QueryBlock, head: Int, _ scratch: AttentionScratch) {
    let size = shape.headSize
    let sequence = head / shape.keyValueHeads
    let column = head % shape.keyValueHeads * shape.headsPerKey * size
    let logSumExps = block.queries.logSumExps + head * shape.positions * block.rowsPerPosition + block.firstRow
    for row in 0..<block.rows {
      logSumExps[row] = scratch.maxima[row] + binaryLogarithm(scratch.sums[row])
      let factor = 1 / scratch.sums[row]
      let source = scratch.outputs + row &* size
      let target = outputRow(block, row, sequence: sequence) + (column &+ row % shape.headsPerKey &* size)
      overVectors(size) { column in
        target.store(source.vector(at: column) * factor, at: column)
      } tail: { column in
        target[column] = source[column] * factor
      }
    }
  }

  /// The row of the projection's order that a block's row belongs to.
  @inline(__always)
  private func outputRow(_ block: QueryBlock, _ row: Int, sequence: Int) -> UnsafeMutablePointer<Float> {
    outputRow(block.queries.output, block, row, sequence: sequence)
  }

  @inline(__always)
  private func outputRow(
    _ matrix: Matrix, _ block: QueryBlock, _ row: Int, sequence: Int
  ) -> UnsafeMutablePointer<Float> {
    let place = row / shape.headsPerKey
    let position = block.first &+ place / block.queries.copies
    let copy = place % block.queries.copies
    return matrix.row((copy &* shape.sequences &+ sequence) &* shape.positions &+ position)
  }

  // MARK: backward

  /// Given the gradient of each group's output (rows and columns as the output's), writes the gradients of its
  /// queries, and of all keys and values, to where the groups say, in attention's order.
  ///
  /// The gradients are of the queries and keys before their scale.
  public func backward(_ groups: [AttentionQueries], outputGradients: [Matrix], on team: ThreadTeam) {
    precondition(groups.count == outputGradients.count, "\(groups.count) groups")
    for (index, queries) in groups.enumerated() {
      // Groups may share keys: whose gradients are cleared when they first appear.
      for source in queries.keys
      where !groups[..<index].contains(where: { $0.keys.contains { $0.keys == source.keys } }) {
        clearGradients(source, on: team)
      }
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
    let count = shape.positions * source.copies * shape.headSize
    team.forEach(shape.sequences * shape.keyValueHeads) { head, _ in
      (keyGradients + head * count).update(repeating: 0, count: count)
      (valueGradients + head * count).update(repeating: 0, count: count)
    }
  }

  private func backward(_ block: QueryBlock, head: Int, _ gradient: Matrix, _ scratch: AttentionScratch) {
    let size = shape.headSize
    let sequence = head / shape.keyValueHeads
    let firstRow = head * shape.positions * block.rowsPerPosition + block.firstRow
    guard let queryGradients = block.queries.queryGradients else {
      preconditionFailure("queries without a place for their gradients")
    }
    // outputs: the gradient of the block's output; sums: Σ output · its gradient, the softmax's own term.
    let column = head % shape.keyValueHeads * shape.headsPerKey * size
    for row in 0..<block.rows {
      let place = column &+ row % shape.headsPerKey &* size
      let source = outputRow(gradient, block, row, sequence: sequence) + place
      (scratch.outputs + row &* size).update(from: source, count: size)
      scratch.sums[row] = dot(source, outputRow(block, row, sequence: sequence) + place, count: size)
    }
    let queries = Matrix(block.queries.queries + firstRow * size, rows: block.rows, columns: size)
    let outputs = Matrix(scratch.outputs, rows: block.rows, columns: size)
    let target = Matrix(queryGradients + firstRow * size, rows: block.rows, columns: size)
    target.pointer.update(repeating: 0, count: block.rows * size)
    let logSumExps = block.queries.logSumExps + firstRow
    for source in block.queries.keys {
      guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients else { continue }
      let start = head * shape.positions * source.copies
      block.eachTile(of: source) { rows, range in
        let offset = (start + range.lowerBound) * size
        let keys = Matrix(source.keys + offset, rows: range.count, columns: size)
        let values = Matrix(source.values + offset, rows: range.count, columns: size)
        let scores = Matrix(scratch.scores, rows: rows.count, columns: range.count, stride: AttentionScratch.stride)
        let upstream = Matrix(
          scratch.scoreGradients, rows: rows.count, columns: range.count, stride: AttentionScratch.stride)
        MatrixProduct.multiply(scores, queries.rows(rows), .asIs, keys, .transposed)
        MatrixProduct.multiply(upstream, outputs.rows(rows), .asIs, values, .transposed)
        for row in rows {
          let local = row - rows.lowerBound
          let (from, to) = block.visible(row: row, of: source, in: range)
          reverse(
            scores.row(local), upstream.row(local), from: from, to: max(to, from), count: range.count,
            logSumExp: logSumExps[row], sum: scratch.sums[row])
        }
        MatrixProduct.multiply(
          Matrix(valueGradients + offset, rows: range.count, columns: size), scores, .transposed,
          outputs.rows(rows), .asIs, plus: 1)
        MatrixProduct.multiply(
          target.rows(rows), upstream, .asIs, keys, .asIs, scale: shape.queryScale * ln2, plus: 1)
        MatrixProduct.multiply(
          Matrix(keyGradients + offset, rows: range.count, columns: size), upstream, .transposed,
          queries.rows(rows), .asIs, scale: ln2, plus: 1)
      }
    }
  }

  /// One row: scores → probabilities p, upstream (the gradient of p) → p · (upstream − sum), that of the scores.
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
      upstream.store((p * (upstream.vector(at: index) - sum)).replacing(with: 0, where: beyond), at: index)
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
