import Kernels

extension ModelPass {
  /// The losses of a micro-batch; to `gradients`, flat as the parameters, is added the gradient of
  /// Σ over target tokens of (cross-entropy + zLoss · logsumexp²).
  ///
  /// `bucketDone` hears of each of the layout's buckets as soon as this micro-batch adds no more to it.
  /// - Parameter tokens: [sequences][T + 1], each below V.
  public func lossAndGradient(
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>,
    tokens: UnsafeBufferPointer<Int32>, zLoss: Double, bucketDone: (_ bucket: Int) throws -> Void
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
    let queryRows = shape.queryRows(layer: layer)
    let residual = shape.isLast(layer) ? x.rows(lastCopy) : x
    let dx = shape.isLast(layer) ? streamGradient.rows(lastCopy) : streamGradient

    let middle = middle(rows: queryRows)
    normalize(middle, kept.projection, weights.attentionNorm, residual: residual)
    normBackward(kept.down, dy: dx, weights.feedForwardNorm, gradients.feedForwardNorm)
    let activation = activation(rows: queryRows)
    clock?.mark(.elementwise)
    inputGradient(activation, kept.down, operand(weight: weights.down))
    clock?.mark(.feedForward)
    SwiGLU.backward(gateUp: kept.gateUp, gradient: activation, on: team)
    clock?.mark(.elementwise)
    weightGradient(gradients.down, kept.down, activation)
    inputGradient(dx, kept.gateUp, operand(weight: weights.gateUp), accumulating: true)
    weightGradient(gradients.gateUp, kept.gateUp, operand(middle))
    clock?.mark(.feedForward)

    normBackward(kept.projection, dy: dx, weights.attentionNorm, gradients.attentionNorm)
    clock?.mark(.elementwise)
    let outputGradient = matrix(plan.middle, type, rows: queryRows, columns: model.hiddenSize)
    inputGradient(outputGradient, kept.projection, operand(weight: weights.output))
    weightGradient(gradients.output, kept.projection, kept.attentionOutput)
    clock?.mark(.projections)
    layOut(layer, weights)
    clock?.mark(.elementwise)
    attention.backward(
      attentionQueries(layer: layer),
      outputGradients: queryGroups(layer: layer).map { outputGradient.rows($0.rows) }, on: team)
    clock?.mark(.attentionBackward)
    let (together, query, keyValue) = LayerActivations.split(
      place(plan.queryKeyValueGradients), shape, layer: layer)
    layOutBackward(layer, weights, gradients, query: query, keyValue: keyValue)
    clock?.mark(.elementwise)

    let input = operand(x)
    let weight = operand(weight: weights.queryKeyValue)
    if let together {
      inputGradient(dx, together, weight, accumulating: true)
      weightGradient(gradients.queryKeyValue, together, input)
    } else {
      // The stream of all copies but the last gets its gradient from the keys and values alone.
      let others = 0..<lastCopy.lowerBound
      let queryWeight = weight.rows(0..<model.hiddenSize)
      let keyValueWeight = weight.rows(model.hiddenSize..<weight.rows)
      inputGradient(dx, query, queryWeight, accumulating: true)
      inputGradient(dx, keyValue.rows(lastCopy), keyValueWeight, accumulating: true)
      inputGradient(streamGradient.rows(others), keyValue.rows(others), keyValueWeight)
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
      HeadLayout.queries(shape.attention, copies: group.copies).gatherRotateNormalize(
        place(plan.queryGradients + group.rows.lowerBound * shape.paddedQueryColumns),
        rows: kept.query.rows(group.rows),
        weight: weights.queryNorm, weightGradient: gradients.queryNorm, epsilon: epsilon, rotary: rotary,
        into: query.rows(group.rows), sums: sums, on: team)
    }
    let kv = model.keyValueSize
    for group in shape.hiddenDecoding.groups {
      let rows = rows(of: group)
      let layout = HeadLayout.keys(shape.attention, copies: group.count)
      layout.gatherRotateNormalize(
        place(plan.keyGradients + rows.lowerBound * shape.paddedKeyColumns), rows: kept.keys.rows(rows),
        weight: weights.keyNorm,
        weightGradient: gradients.keyNorm, epsilon: epsilon, rotary: rotary,
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
}
