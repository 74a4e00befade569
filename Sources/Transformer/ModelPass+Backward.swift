import Kernels

extension ModelPass {
  /// The losses of a micro-batch; to `gradients`, flat as the parameters, is added the gradient of
  /// Σ over target tokens of (cross-entropy + zLoss · logsumexp²).
  ///
  /// `bucketDone` hears of each of the layout's buckets as soon as this micro-batch adds no more to it.
  public func lossAndGradient(
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    zLoss: Double, bucketDone: (_ bucket: Int) throws -> Void
  ) rethrows -> LossSums {
    precondition(trains, "this pass was planned without a backward one")
    forward(parameters, tokens: tokens)
    head(parameters, gradients: gradients, zLoss: zLoss)
    let sums = lossSums(rows: 0..<shape.rowsPerCopy)
    headNormBackward(parameters, gradients)
    clock?.mark(.elementwise)
    try bucketDone(0)
    for layer in (0..<model.layers).reversed() {
      let weights = LayerWeights(parameters, layout, layer: layer)
      if recompute == .block && layer < model.layers - 1 { forward(layer, weights) }
      backward(layer, weights, LayerWeights(gradients, layout, layer: layer))
      try bucketDone(model.layers - layer)
    }
    Embedding.backward(
      streamGradient, tableGradient: OuterWeights(gradients, layout).embedding,
      tokens: UnsafeBufferPointer(inputs), copies: shape.hiddenDecoding.repeats, on: team)
    clock?.mark(.elementwise)
    try bucketDone(model.layers + 1)
    return sums
  }

  /// The gradient of the residual stream [rows, d]; of it, a layer's query rows are its output's.
  private var streamGradient: Matrix { matrix(plan.stream, rows: shape.rows, columns: model.hiddenSize) }

  /// One block in reverse: the stream's gradient goes from the block's output to its input.
  private func backward(_ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights) {
    let x = stream(into: layer)
    let kept = activations(of: layer)
    let residual = shape.isForLastCopy(layer) ? x.rows(lastCopy) : x
    let dx = shape.isForLastCopy(layer) ? streamGradient.rows(lastCopy) : streamGradient
    let attentionResidual = attentionResidual(rows: dx.rows)
    switch model.architecture.normPlacement {
    case .afterSublayer:
      normalize(attentionResidual, kept.projection, weights.attentionNorm, residual: residual)
      normBackward(kept.down, dy: dx, weights.feedForwardNorm, gradients.feedForwardNorm)
      clock?.mark(.elementwise)
      feedForwardBackward(
        layer, weights, gradients, output: kept.down, input: attentionResidual, inputGradient: dx, accumulating: true)
      normBackward(kept.projection, dy: dx, weights.attentionNorm, gradients.attentionNorm)
      clock?.mark(.elementwise)
      attendBackward(
        layer, weights, gradients, output: kept.projection, input: x, inputGradient: streamGradient,
        accumulating: true)
    case .beforeSublayer:
      let (normed, dNormed) = (normed(rows: x.rows), normedGradient(rows: x.rows))
      beginFeedForward(layer, weights)
      clock?.mark(.elementwise)
      feedForwardBackward(
        layer, weights, gradients, output: operand(dx), input: normed.rows(0..<dx.rows),
        inputGradient: dNormed.rows(0..<dx.rows), accumulating: false)
      normBackward(
        addingTo: dx, attentionResidual, dy: dNormed.rows(0..<dx.rows), weights.feedForwardNorm,
        gradients.feedForwardNorm)
      normalize(normed, x, weights.attentionNorm, residual: nil)
      clock?.mark(.elementwise)
      attendBackward(
        layer, weights, gradients, output: operand(dx), input: normed, inputGradient: dNormed, accumulating: false)
      // The stream of all copies but the last has reached the last layer's keys and values alone.
      if shape.isForLastCopy(layer) { streamGradient.rows(0..<lastCopy.lowerBound).clear() }
      normBackward(addingTo: streamGradient, x, dy: dNormed, weights.attentionNorm, gradients.attentionNorm)
      clock?.mark(.elementwise)
    }
  }

  /// From the gradient of what the FFN gave (`output`) to that of what it took.
  private func feedForwardBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, output: Matrix, input: Matrix,
    inputGradient dx: Matrix, accumulating: Bool
  ) {
    let kept = activations(of: layer)
    let activation = activation(rows: dx.rows)
    inputGradient(activation, output, operand(weight: weights.down))
    clock?.mark(.feedForward)
    SwiGLU.backward(gateUp: kept.gateUp, gradient: activation, on: team)
    clock?.mark(.elementwise)
    weightGradient(gradients.down, output, activation)
    inputGradient(dx, kept.gateUp, operand(weight: weights.gateUp), accumulating: accumulating)
    weightGradient(gradients.gateUp, kept.gateUp, operand(input))
    clock?.mark(.feedForward)
  }

  /// From the gradient of what attention gave (`output`) to that of what it took, [rows, d]: to that of the rows that
  /// query it is added where `accumulating`, the others' is overwritten.
  private func attendBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, output: Matrix, input: Matrix,
    inputGradient dx: Matrix, accumulating: Bool
  ) {
    let kept = activations(of: layer)
    let queryRows = shape.queryRows(layer: layer)
    let attentionGradient = matrix(plan.attentionResidual, type, rows: queryRows, columns: model.querySize)
    inputGradient(attentionGradient, output, operand(weight: weights.output))
    weightGradient(gradients.output, output, kept.attentionOutput)
    clock?.mark(.projections)
    layOut(layer, weights)
    clock?.mark(.elementwise)
    attention.backward(
      attentionQueries(layer: layer),
      outputGradients: queryGroups(layer: layer).map { attentionGradient.rows($0.rows) }, on: team)
    clock?.mark(.attentionBackward)
    let (together, query, keyValue) = LayerActivations.split(
      place(plan.queryKeyValueGradients), shape, layer: layer)
    layOutBackward(layer, weights, gradients, query: query, keyValue: keyValue)
    clock?.mark(.elementwise)

    let input = operand(input)
    let weight = operand(weight: weights.queryKeyValue)
    if let together {
      inputGradient(dx, together, weight, accumulating: accumulating)
      weightGradient(gradients.queryKeyValue, together, input)
    } else {
      // The rows of all copies but the last get their gradient from the keys and values alone.
      let others = 0..<lastCopy.lowerBound
      let queryWeight = weight.rows(0..<model.querySize)
      let keyValueWeight = weight.rows(model.querySize..<weight.rows)
      inputGradient(dx.rows(lastCopy), query, queryWeight, accumulating: accumulating)
      inputGradient(dx.rows(lastCopy), keyValue.rows(lastCopy), keyValueWeight, accumulating: true)
      inputGradient(dx.rows(others), keyValue.rows(others), keyValueWeight)
      weightGradient(gradients.query, query, input.rows(lastCopy))
      weightGradient(gradients.keyValue, keyValue, input)
    }
    clock?.mark(.projections)
  }

  /// From attention's gradients, in its own order, to those of the projections.
  private func layOutBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, query: Matrix, keyValue: Matrix
  ) {
    let kept = activations(of: layer)
    let sums = RowSums(scratch: place(plan.sums))
    for group in queryGroups(layer: layer) {
      HeadLayout.queries(shape.attention, copies: group.copies, rotations: textPositions).gatherRotateNormalize(
        place(plan.queryGradients + group.rows.lowerBound * shape.paddedQueryColumns),
        rows: kept.query.rows(group.rows),
        norm: headNorm(weights.queryNorm), weightGradient: gradients.queryNorm, rotary: rotary,
        into: query.rows(group.rows), sums: sums, on: team)
    }
    let kv = model.keyValueSize
    for group in shape.hiddenDecoding.groups {
      let rows = rows(of: group)
      let layout = HeadLayout.keys(shape.attention, copies: group.count, rotations: textPositions)
      layout.gatherRotateNormalize(
        place(plan.keyGradients + rows.lowerBound * shape.paddedKeyColumns), rows: kept.keys.rows(rows),
        norm: headNorm(weights.keyNorm), weightGradient: gradients.keyNorm, rotary: rotary,
        into: keyValue.rows(rows).columns(0..<kv), sums: sums, on: team)
      layout.gather(
        place(plan.valueGradients + rows.lowerBound * shape.paddedKeyColumns),
        into: keyValue.rows(rows).columns(kv..<2 * kv), on: team)
    }
  }

  // MARK: the head

  /// `logitGradient` is that of `rows`; `weight` is the head's as products take it.
  func headBackward(
    _ weight: Matrix, _ gradients: UnsafeMutablePointer<Float>, _ logitGradient: Matrix, rows: Range<Int>
  ) {
    inputGradient(headGradient.rows(rows), logitGradient, weight)
    weightGradient(OuterWeights(gradients, layout).head, logitGradient, operand(headInput.rows(rows)))
  }

  private var headGradient: Matrix {
    matrix(plan.headGradient, rows: shape.rowsPerCopy, columns: model.hiddenSize)
  }

  /// From the head's input back to the last layer's output, in copy K's rows of the stream's gradient.
  private func headNormBackward(
    _ parameters: UnsafeMutablePointer<Float>, _ gradients: UnsafeMutablePointer<Float>
  ) {
    let output = stream(into: model.layers)
    normBackward(
      output, dy: headGradient, OuterWeights(parameters, layout).norm, OuterWeights(gradients, layout).norm)
    streamGradient.rows(lastCopy).copy(from: output, on: team)
  }

  // MARK: steps

  private func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool = false) {
    products.inputGradient(dx, dy, w, accumulating: accumulating, segment: shape.rowsPerCopy)
  }

  private func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix) {
    products.weightGradient(dw, dy, x)
  }

  private func normBackward(
    _ x: Matrix, dy: Matrix, _ weight: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
  ) {
    RMSNorm.backward(
      inPlace: x, dy: dy, weight: weight, weightGradient: gradient, epsilon: epsilon,
      sums: RowSums(scratch: place(plan.sums)), on: team)
  }
  private func normBackward(
    addingTo dx: Matrix, _ x: Matrix, dy: Matrix, _ weight: UnsafeMutablePointer<Float>,
    _ gradient: UnsafeMutablePointer<Float>
  ) {
    RMSNorm.backward(
      addingTo: dx, x, dy: dy, weight: weight, weightGradient: gradient, epsilon: epsilon,
      sums: RowSums(scratch: place(plan.sums)), on: team)
  }
}
