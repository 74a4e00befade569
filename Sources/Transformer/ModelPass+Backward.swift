import Kernels

extension ModelPass {
  /// Returns the loss sums of a micro-batch, and adds to `gradients` the gradient of
  /// Σ over target tokens of (cross-entropy + zLoss · logsumexp²).
  ///
  /// - Parameters:
  ///   - parameters: the flat buffer of ``layout``.
  ///   - gradients: a flat buffer of the same layout.
  ///   - bucketDone: called for each of ``ParameterLayout/buckets`` as soon as this micro-batch's gradient of it is
  ///     complete.
  public func lossAndGradient(
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    zLoss: Double, bucketDone: (_ bucket: Int) throws -> Void
  ) rethrows -> LossSums {
    precondition(trains, "this pass was planned without a backward pass")
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
    kernels.embedding.backward(
      streamGradient, tableGradient: OuterWeights(gradients, layout).embedding,
      tokens: UnsafeBufferPointer(inputs), copies: shape.hiddenDecoding.repeats, on: team)
    clock?.mark(.elementwise)
    try bucketDone(model.layers + 1)
    return sums
  }

  /// The gradient of the residual stream, [rows, d]. Before a layer's backward pass, its query rows are the gradient of
  /// the layer's output; after it, all rows are the gradient of the layer's input.
  private var streamGradient: Matrix { matrix(plan.stream, rows: shape.rows, columns: model.hiddenSize) }

  /// The backward pass of one block: from the gradient of the block's output to the gradient of its input.
  private func backward(_ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights) {
    let x = stream(into: layer)
    let activations = activations(of: layer)
    let residual = shape.computesLastCopyOnly(layer) ? x.rows(lastCopy) : x
    let dx = shape.computesLastCopyOnly(layer) ? streamGradient.rows(lastCopy) : streamGradient
    let attentionResidual = attentionResidual(rows: dx.rows)
    switch model.architecture.normPlacement {
    case .afterSublayer:
      normalize(attentionResidual, activations.projection, weights.attentionNorm, residual: residual)
      normBackward(activations.down, dy: dx, weights.feedForwardNorm, gradients.feedForwardNorm)
      clock?.mark(.elementwise)
      feedForwardSublayerBackward(
        layer, weights, gradients, output: activations.down, input: attentionResidual, inputGradient: dx,
        accumulating: true)
      normBackward(activations.projection, dy: dx, weights.attentionNorm, gradients.attentionNorm)
      clock?.mark(.elementwise)
      attentionSublayerBackward(
        layer, weights, gradients, output: activations.projection, input: x, inputGradient: streamGradient,
        accumulating: true)
    case .beforeSublayer:
      let (normed, dNormed) = (normed(rows: x.rows), normedGradient(rows: x.rows))
      addAttentionAndNormalize(layer, weights)
      clock?.mark(.elementwise)
      feedForwardSublayerBackward(
        layer, weights, gradients, output: productOperand(dx), input: normed.rows(0..<dx.rows),
        inputGradient: dNormed.rows(0..<dx.rows), accumulating: false)
      normBackward(
        addingTo: dx, attentionResidual, dy: dNormed.rows(0..<dx.rows), weights.feedForwardNorm,
        gradients.feedForwardNorm)
      normalize(normed, x, weights.attentionNorm, residual: nil)
      clock?.mark(.elementwise)
      attentionSublayerBackward(
        layer, weights, gradients, output: productOperand(dx), input: normed, inputGradient: dNormed,
        accumulating: false)
      // In the last layer, only copy K's rows are in the output. The other copies only have keys and values there.
      if shape.computesLastCopyOnly(layer) { streamGradient.rows(0..<lastCopy.lowerBound).clear() }
      normBackward(addingTo: streamGradient, x, dy: dNormed, weights.attentionNorm, gradients.attentionNorm)
      clock?.mark(.elementwise)
    }
  }

  /// The backward pass of the FFN.
  ///
  /// - Parameters:
  ///   - output: the gradient of the FFN's output, [query rows, d].
  ///   - input: the FFN's input, [query rows, d].
  ///   - dx: receives the gradient of the input, or has it added if `accumulating`.
  private func feedForwardSublayerBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, output: Matrix, input: Matrix,
    inputGradient dx: Matrix, accumulating: Bool
  ) {
    let activations = activations(of: layer)
    let activation = activation(rows: dx.rows)
    inputGradient(activation, output, productOperand(weight: weights.down))
    clock?.mark(.feedForward)
    kernels.swiGLU.backward(gateUp: activations.gateUp, gradient: activation, on: team)
    clock?.mark(.elementwise)
    weightGradient(gradients.down, output, activation)
    inputGradient(dx, activations.gateUp, productOperand(weight: weights.gateUp), accumulating: accumulating)
    weightGradient(gradients.gateUp, activations.gateUp, productOperand(input))
    clock?.mark(.feedForward)
  }

  /// The backward pass of attention with its projections.
  ///
  /// - Parameters:
  ///   - output: the gradient of `activations.projection`, [query rows, d].
  ///   - input: attention's input, [rows, d].
  ///   - dx: receives the gradient of the input, [rows, d]. If `accumulating`, it is added to the query rows; the other
  ///     rows are overwritten.
  private func attentionSublayerBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, output: Matrix, input: Matrix,
    inputGradient dx: Matrix, accumulating: Bool
  ) {
    let activations = activations(of: layer)
    let queryRows = shape.queryRows(layer: layer)
    let attentionGradient = matrix(plan.attentionResidual, precision, rows: queryRows, columns: model.querySize)
    inputGradient(attentionGradient, output, productOperand(weight: weights.output))
    weightGradient(gradients.output, output, activations.attentionOutput)
    clock?.mark(.projections)
    prepareHeads(layer, weights)
    clock?.mark(.elementwise)
    attention.backward(
      attentionQueries(layer: layer),
      outputGradients: queryGroups(layer: layer).map { attentionGradient.rows($0.rows) }, on: team)
    clock?.mark(.attentionBackward)
    let (fused, query, keyValue) = LayerActivations.queryKeyValueMatrices(
      at: pointer(at: plan.queryKeyValueGradients), shape, layer: layer)
    prepareHeadsBackward(layer, weights, gradients, query: query, keyValue: keyValue)
    clock?.mark(.elementwise)

    let input = productOperand(input)
    let weight = productOperand(weight: weights.queryKeyValue)
    if let fused {
      inputGradient(dx, fused, weight, accumulating: accumulating)
      weightGradient(gradients.queryKeyValue, fused, input)
    } else {
      // Only copy K has queries here. The other copies' gradients come from keys and values only.
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

  /// From attention's gradients, in head-major order of rows, to the gradients of the projections.
  private func prepareHeadsBackward(
    _ layer: Int, _ weights: LayerWeights, _ gradients: LayerWeights, query: Matrix, keyValue: Matrix
  ) {
    let activations = activations(of: layer)
    let sums = RowSums(scratch: pointer(at: plan.sums))
    for group in queryGroups(layer: layer) {
      kernels.headLayout.gatherRotateNormalize(
        HeadLayout.queries(shape.attention, copies: group.copies, rotations: documentPositions),
        pointer(at: plan.queryGradients + group.rows.lowerBound * shape.paddedQueryColumns),
        rows: activations.query.rows(group.rows),
        norm: headNorm(weights.queryNorm), weightGradient: gradients.queryNorm, rotary: rotary,
        into: query.rows(group.rows), sums: sums, on: team)
    }
    let kv = model.keyValueSize
    for group in shape.hiddenDecoding.groups {
      let rows = rows(of: group)
      let layout = HeadLayout.keys(shape.attention, copies: group.count, rotations: documentPositions)
      kernels.headLayout.gatherRotateNormalize(
        layout, pointer(at: plan.keyGradients + rows.lowerBound * shape.paddedKeyColumns),
        rows: activations.keys.rows(rows), norm: headNorm(weights.keyNorm), weightGradient: gradients.keyNorm,
        rotary: rotary, into: keyValue.rows(rows).columns(0..<kv), sums: sums, on: team)
      kernels.headLayout.gather(
        layout, pointer(at: plan.valueGradients + rows.lowerBound * shape.paddedKeyColumns),
        into: keyValue.rows(rows).columns(kv..<2 * kv), on: team)
    }
  }

  // MARK: the head

  /// The backward pass of the head for a slice of rows.
  ///
  /// - Parameters:
  ///   - weight: the head's weight, as ``prepareHead(_:copy:)`` returned it.
  ///   - logitGradient: the gradient of the logits of `rows`.
  func headBackward(
    _ weight: Matrix, _ gradients: UnsafeMutablePointer<Float>, _ logitGradient: Matrix, rows: Range<Int>
  ) {
    inputGradient(headGradient.rows(rows), logitGradient, weight)
    weightGradient(OuterWeights(gradients, layout).head, logitGradient, productOperand(headInput.rows(rows)))
  }

  /// The gradient of the head's input.
  private var headGradient: Matrix {
    matrix(plan.headGradient, rows: shape.rowsPerCopy, columns: model.hiddenSize)
  }

  /// The backward pass of the final norm: writes the gradient of the last layer's output to copy K's rows of the
  /// stream's gradient.
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

  /// x ← the gradient of the norm's input x.
  private func normBackward(
    _ x: Matrix, dy: Matrix, _ weight: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
  ) {
    kernels.rmsNorm.backward(
      inPlace: x, dy: dy, weight: weight, weightGradient: gradient, epsilon: epsilon,
      sums: RowSums(scratch: pointer(at: plan.sums)), on: team)
  }

  /// dx += the gradient of the norm's input x.
  private func normBackward(
    addingTo dx: Matrix, _ x: Matrix, dy: Matrix, _ weight: UnsafeMutablePointer<Float>,
    _ gradient: UnsafeMutablePointer<Float>
  ) {
    kernels.rmsNorm.backward(
      addingTo: dx, x, dy: dy, weight: weight, weightGradient: gradient, epsilon: epsilon,
      sums: RowSums(scratch: pointer(at: plan.sums)), on: team)
  }
}
