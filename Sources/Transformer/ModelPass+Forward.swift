import Kernels

extension ModelPass {
  /// The loss sums of each sequence: a forward pass only.
  public func losses(parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens) -> [LossSums] {
    forward(parameters, tokens: tokens)
    head(parameters, gradients: nil, zLoss: 0)
    return (0..<shape.sequences).map { lossSums(rows: $0 * shape.positions..<($0 + 1) * shape.positions) }
  }

  /// −log p of each target [sequences · T] from the last ``losses(parameters:tokens:)``; zero if there is no target.
  public var tokenLosses: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: pointer(at: plan.losses), count: shape.rowsPerCopy)
  }

  /// Computes the logits of a micro-batch, a slice of rows at a time. `body` receives the first row of a slice and the
  /// slice's logits [rows, V]. Rows are ordered [sequence][position]. The last token of each sequence is not used.
  public func logits(
    parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    _ body: (_ firstRow: Int, _ logits: Matrix) -> Void
  ) {
    forward(parameters, tokens: tokens)
    let weight = prepareHead(parameters)
    forEachHeadSlice { rows in body(rows.lowerBound, logits(rows: rows, weight)) }
  }

  /// Computes the residual stream from the tokens through all layers. `observe` receives it after each layer.
  func forward(
    _ parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    observe: (_ layer: Int, _ stream: Matrix) -> Void = { _, _ in }
  ) {
    loadTokens(tokens)
    kernels.embedding.forward(
      stream(into: 0), table: OuterWeights(parameters, layout).embedding, tokens: UnsafeBufferPointer(inputs),
      copies: shape.hiddenDecoding.repeats, on: team)
    clock?.mark(.elementwise)
    for layer in 0..<model.layers {
      forward(layer, LayerWeights(parameters, layout, layer: layer))
      observe(layer, stream(into: layer + 1))
    }
  }

  /// One block: adds attention's and the FFN's output to the residual stream.
  func forward(_ layer: Int, _ weights: LayerWeights) {
    let x = stream(into: layer)
    let activations = activations(of: layer)
    let residual = shape.computesLastCopyOnly(layer) ? x.rows(lastCopy) : x
    let attentionResidual = attentionResidual(rows: shape.queryRows(layer: layer))
    let output = stream(into: layer + 1)
    switch model.architecture.normPlacement {
    case .afterSublayer:
      attentionSublayer(layer, weights, input: x)
      normalize(attentionResidual, activations.projection, weights.attentionNorm, residual: residual)
      clock?.mark(.elementwise)
      feedForwardSublayer(layer, weights, input: attentionResidual)
      normalize(output, activations.down, weights.feedForwardNorm, residual: attentionResidual)
    case .beforeSublayer:
      let normed = normed(rows: x.rows)
      normalize(normed, x, weights.attentionNorm, residual: nil)
      clock?.mark(.elementwise)
      attentionSublayer(layer, weights, input: normed)
      addAttentionAndNormalize(layer, weights)
      clock?.mark(.elementwise)
      feedForwardSublayer(layer, weights, input: normed.rows(0..<attentionResidual.rows))
      kernels.residualSum.forward(output, attentionResidual, activations.down, on: team)
    }
    clock?.mark(.elementwise)
  }

  /// Attention with its projections: from `input` [rows, d] to `activations.projection` [query rows, d].
  private func attentionSublayer(_ layer: Int, _ weights: LayerWeights, input: Matrix) {
    let activations = activations(of: layer)
    let input = productOperand(input)
    let weight = productOperand(weight: weights.queryKeyValue)
    if let fused = activations.queryKeyValue {
      linear(fused, input, weight)
    } else {
      linear(activations.query, input.rows(lastCopy), weight.rows(0..<model.querySize))
      linear(activations.keyValue, input, weight.rows(model.querySize..<weight.rows))
    }
    clock?.mark(.projections)
    prepareHeads(layer, weights)
    clock?.mark(.elementwise)
    attention.forward(attentionQueries(layer: layer), on: team)
    clock?.mark(.attentionForward)
    linear(activations.projection, activations.attentionOutput, productOperand(weight: weights.output))
    clock?.mark(.projections)
  }

  /// With norms before attention and FFN (Llama): adds attention's output to the stream and normalizes the sum for the
  /// FFN.
  func addAttentionAndNormalize(_ layer: Int, _ weights: LayerWeights) {
    let x = stream(into: layer)
    let rows = shape.queryRows(layer: layer)
    let residual = shape.computesLastCopyOnly(layer) ? x.rows(lastCopy) : x
    kernels.residualSum.forward(attentionResidual(rows: rows), residual, activations(of: layer).projection, on: team)
    normalize(normed(rows: rows), attentionResidual(rows: rows), weights.feedForwardNorm, residual: nil)
  }

  /// The FFN: from `input` [query rows, d] to `activations.down` [query rows, d].
  private func feedForwardSublayer(_ layer: Int, _ weights: LayerWeights, input: Matrix) {
    let activations = activations(of: layer)
    let activation = activation(rows: input.rows)
    linear(activations.gateUp, productOperand(input), productOperand(weight: weights.gateUp))
    clock?.mark(.feedForward)
    kernels.swiGLU.forward(activation, activations.gateUp, on: team)
    clock?.mark(.elementwise)
    linear(activations.down, activation, productOperand(weight: weights.down))
    clock?.mark(.feedForward)
  }

  // MARK: the head

  /// Computes the loss of each row of copy K; with `gradients`, also the gradients of the head's weight and input.
  func head(
    _ parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>?, zLoss: Double
  ) {
    let weight = prepareHead(parameters)
    forEachHeadSlice { rows in
      let logits = logits(rows: rows, weight)
      let gradient = gradients == nil ? nil : logitGradient(logits)
      kernels.crossEntropy.rows(
        logits, targets: UnsafePointer(targets + rows.lowerBound),
        losses: pointer(at: plan.losses + rows.lowerBound),
        logSumExps: pointer(at: plan.headLogSumExps + rows.lowerBound),
        gradient: gradient, zWeight: Float(zLoss), on: team)
      if let gradients, let gradient { headBackward(weight, gradients, gradient, rows: rows) }
    }
    clock?.mark(.head)
  }

  /// The loss sums over some rows of copy K, after ``head(_:gradients:zLoss:)``.
  func lossSums(rows: Range<Int>) -> LossSums {
    let losses = pointer(at: plan.losses)
    let logSumExps = pointer(at: plan.headLogSumExps)
    var sums = LossSums()
    for row in rows where targets[row] >= 0 {
      sums.tokens += 1
      sums.crossEntropy += Double(losses[row])
      sums.squaredLogSumExp += Double(logSumExps[row]) * Double(logSumExps[row])
    }
    return sums
  }

  /// The normalized rows that the head reads, [sequences · T, d].
  var headInput: Matrix { matrix(plan.headInput, rows: shape.rowsPerCopy, columns: model.hiddenSize) }

  /// Normalizes the head's input and returns the head's weight in the type of product operands.
  ///
  /// - Parameter copy: the copy whose rows the head reads, from 0; nil for copy K.
  func prepareHead(_ parameters: UnsafeMutablePointer<Float>, copy: Int? = nil) -> Matrix {
    let outer = OuterWeights(parameters, layout)
    let output = stream(into: model.layers)
    let repeats = shape.hiddenDecoding.repeats
    let first = output.rows - (repeats - (copy ?? repeats - 1)) * shape.rowsPerCopy
    normalize(headInput, output.rows(first..<first + shape.rowsPerCopy), outer.norm, residual: nil)
    return rounded(outer.head, at: plan.roundedHeadWeight)
  }

  /// Calls `body` with consecutive ranges of rows whose logits fit in memory together.
  func forEachHeadSlice(_ body: (Range<Int>) -> Void) {
    for start in stride(from: 0, to: shape.rowsPerCopy, by: shape.headRows) {
      body(start..<min(start + shape.headRows, shape.rowsPerCopy))
    }
  }

  func logits(rows: Range<Int>, _ weight: Matrix) -> Matrix {
    let logits = matrix(plan.logits, rows: rows.count, columns: model.vocabularySize)
    linear(logits, productOperand(headInput.rows(rows)), weight)
    return logits
  }

  /// The matrix for the gradient of a slice's logits. In fp32 the gradient overwrites the logits.
  private func logitGradient(_ logits: Matrix) -> Matrix {
    if precision == .fp32 { return logits }
    return matrix(plan.logitGradient, precision, rows: logits.rows, columns: logits.columns)
  }

  // MARK: steps

  /// y ← x · wᵀ, in segments of one copy's rows, so that a copy's results do not depend on the number of copies.
  func linear(_ y: Matrix, _ x: Matrix, _ w: Matrix) {
    products.forward(y, x, w, segment: shape.rowsPerCopy)
  }

  /// y ← RMSNorm(x), plus `residual` if given.
  func normalize(_ y: Matrix, _ x: Matrix, _ weight: UnsafeMutablePointer<Float>, residual: Matrix?) {
    kernels.rmsNorm.forward(y, x, weight: weight, epsilon: epsilon, residual: residual, on: team)
  }

  /// Splits the tokens [sequences][T + 1] into inputs and targets [sequences][T], and computes the positions that limit
  /// attention to each input's document and window.
  private func loadTokens(_ tokens: SequenceTokens) {
    let positions = shape.positions
    precondition(
      tokens.ids.count == shape.sequences * (positions + 1)
        && tokens.positions?.count ?? tokens.ids.count == tokens.ids.count,
      "\(tokens.ids.count) tokens for \(shape)")
    hasDocuments = tokens.positions != nil
    for sequence in 0..<shape.sequences {
      for position in 0..<positions {
        let (row, index) = (sequence * positions + position, sequence * (positions + 1) + position)
        inputs[row] = tokens.ids[index]
        let documentPosition = tokens.positions.map { Int($0[index]) } ?? position
        precondition(
          0...position ~= documentPosition, "token \(position) has the position \(documentPosition) in its document")
        documentPositions[row] = Int32(documentPosition)
        documentStarts[row] = Int32(position - documentPosition)
        firstVisible[row] = Int32(
          position - documentPosition + shape.hiddenDecoding.firstVisible(from: documentPosition))
        // A token that starts another document is not a target.
        targets[row] = tokens.positions?[index + 1] == 0 ? -1 : tokens.ids[index + 1]
      }
    }
  }
}
