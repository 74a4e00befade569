import Tensors

extension Attention {
  func backward(_ groups: [AttentionQueries], outputGradients: [Matrix], on team: ThreadTeam) {
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
      guard let valuePanels = source.valuePanels else { preconditionFailure("values without memory for their panels") }
      let layout = layout(of: source)
      layout.transpose(lanes(source.keyPanels, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      layout.transpose(lanes(valuePanels, Lane.self), from: lanes(source.values, Lane.self), on: team)
      layout.interleave(lanes(source.interleaved, Lane.self), from: lanes(source.keys, Lane.self), on: team)
      clearGradients(source, on: team)
    }
    // One thread adds up all gradients of a head's keys, in a fixed order.
    team.forEach(shape.sequences * shape.keyValueHeads) { head, worker in
      for (queries, gradient) in zip(groups, outputGradients) {
        for block in 0..<QueryBlock.blocks(shape, copies: queries.copies) {
          backward(
            QueryBlock(shape, type, queries, block: block, head: head), gradient,
            scratch(of: worker) as AttentionScratch<Lane>)
        }
      }
    }
  }

  private func clearGradients(_ source: AttentionKeys, on team: ThreadTeam) {
    guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients else {
      preconditionFailure("keys without memory for their gradients")
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
    let lanesPerHead = size / Lane.elements
    let (scores, upstream) = (scratch.softmax.scores, scratch.scoreGradients)
    guard let queryGradients = block.group.queryGradients else {
      preconditionFailure("queries without memory for their gradients")
    }
    readOutputGradients(block, gradient, scratch)
    scratch.queryGradients.update(repeating: 0, count: block.rows * size)
    let queries = block.queries.assumingMemoryBound(to: Lane.self)
    let outputs = UnsafePointer(lanes(scratch.softmax.outputs, Lane.self))
    let interleavedQueries = Lane.interleave(
      queries, stride: lanesPerHead, count: block.rows, columns: size, into: scratch.interleavedQueries,
      targetStride: size
    ).lanes
    let interleavedOutputs = Lane.interleave(
      outputs, stride: lanesPerHead, count: block.rows, columns: size, into: scratch.interleavedOutputs,
      targetStride: size
    ).lanes
    let logSumExps = block.group.logSumExps + block.firstRow
    let stride = OnlineSoftmax<Lane>.scoreStride
    for source in block.group.keys {
      guard let keyGradients = source.keyGradients, let valueGradients = source.valueGradients,
        source.valuePanels != nil
      else { continue }
      let keyPanels = block.keyPanels(of: source).assumingMemoryBound(to: Lane.self)
      let valuePanels = block.valuePanels(of: source).assumingMemoryBound(to: Lane.self)
      let keys = block.interleavedKeys(of: source).assumingMemoryBound(to: Lane.self)
      let start = block.head * shape.positions * source.copies
      block.eachTile(of: source) { rows, range in
        let offset = (start &+ range.lowerBound) &* size
        let firstLane = rows.lowerBound &* lanesPerHead
        let firstInterleaved = rows.lowerBound / Lane.elements &* size
        KeyPanels.multiply(
          scores, cStride: stride, queries + firstLane, rows: rows.count, keyPanels, size: lanesPerHead, range: range)
        KeyPanels.multiply(
          upstream, cStride: stride, outputs + firstLane, rows: rows.count, valuePanels, size: lanesPerHead,
          range: range)
        for row in rows {
          let first = (row &- rows.lowerBound) &* stride
          let (from, to) = block.visible(row: row, of: source, in: range)
          softmaxBackward(
            Lane.Row.self, scores + first, upstream + first, from: from, to: max(to, from),
            count: Lane.lanes(for: range.count) &* Lane.elements, logSumExp: logSumExps[row],
            sum: scratch.softmax.sums[row])
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
            left, rowStride: 1, innerStride: leftStride, right + firstInterleaved, bStride: size, accumulating: true)
        }
        addTransposed(valueGradients, scores, interleavedOutputs)
        addTransposed(keyGradients, upstream, interleavedQueries)
        BlockProduct.multiply(
          scratch.queryGradients + rows.lowerBound &* size, cStride: size, rows: rows.count, columns: size,
          inner: Lane.lanes(for: range.count), lanes(upstream, Lane.self), rowStride: stride, innerStride: 1,
          keys + range.lowerBound / Lane.elements &* size, bStride: size, accumulating: true)
      }
    }
    let target = queryGradients + block.firstRow * size
    var index = 0
    while index < block.rows &* size {
      target.store(scratch.queryGradients.vector(at: index) * shape.queryScale, at: index)
      index &+= vectorWidth
    }
  }

  /// Reads the gradient of the block's output into the scratch outputs, as elements, and writes Σ output · gradient,
  /// which the softmax's backward pass subtracts, to the scratch sums.
  private func readOutputGradients<Lane>(
    _ block: QueryBlock, _ gradient: Matrix, _ scratch: AttentionScratch<Lane>
  ) {
    precondition(gradient.type == block.group.output.type, "\(gradient), \(block.group.output)")
    switch gradient.type {
    case .fp32: readOutputGradients(FloatRow.self, block, gradient, scratch.softmax)
    case .bf16: readOutputGradients(BF16Row.self, block, gradient, scratch.softmax)
    }
  }

  @inline(__always)
  private func readOutputGradients<Row: MatrixRow, Lane>(
    _: Row.Type, _ block: QueryBlock, _ gradient: Matrix, _ scratch: OnlineSoftmax<Lane>
  ) {
    let targets = Lane.Row(UnsafeMutableRawPointer(scratch.outputs))
    for row in 0..<block.rows {
      let source: Row = block.head(of: row, in: gradient)
      let output: Row = block.head(of: row, in: block.group.output)
      let target = targets.advanced(by: row &* shape.paddedHeadSize)
      var sums = Vector.zero
      var sum: Float = 0
      overVectors(shape.headSize) { column in
        let value = source.vector(at: column)
        target.store(value, at: column)
        sums = sums.adding(value, times: output.vector(at: column))
      } tail: { column in
        target[column] = source[column]
        sum += source[column] * output[column]
      }
      target.clear(shape.headSize..<shape.paddedHeadSize)
      scratch.sums[row] = sums.laneSum + sum
    }
  }

  /// One row: scores ← probabilities p; upstream, the gradient of p, ← that of the scores, p · (upstream − sum) · ln 2.
  ///
  /// Both are written in place, as elements, and are zero outside `from`..<`to`.
  @inline(__always)
  private func softmaxBackward<Row: MatrixRow>(
    _: Row.Type, _ scores: UnsafeMutablePointer<Float>, _ upstream: UnsafeMutablePointer<Float>, from: Int, to: Int,
    count: Int, logSumExp: Float, sum: Float
  ) {
    let (probabilities, gradients) = (Row(UnsafeMutableRawPointer(scores)), Row(UnsafeMutableRawPointer(upstream)))
    func step(_ index: Int, _ limited: (Vector) -> Vector) {
      let p = limited(powerOfTwo(scores.vector(at: index) - logSumExp))
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
}
