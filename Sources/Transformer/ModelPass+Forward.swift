import Kernels

extension ModelPass {
  /// Each sequence's losses.
  public func losses(parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens) -> [LossSums] {
    forward(parameters, tokens: tokens)
    head(parameters, gradients: nil, zLoss: 0)
    return (0..<shape.sequences).map { lossSums(rows: $0 * shape.positions..<($0 + 1) * shape.positions) }
  }

  /// −log p of each target [sequences · T], zero where there is none, after ``losses(parameters:tokens:)``.
  public var tokenLosses: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: place(plan.losses), count: shape.rowsPerCopy)
  }

  /// The logits of a micro-batch, slice by slice: `body` is given the first row of a slice and its logits
  /// [rows, V], rows ordered [sequence][position]. The last token of each sequence does not matter.
  public func logits(
    parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    _ body: (_ firstRow: Int, _ logits: Matrix) -> Void
  ) {
    forward(parameters, tokens: tokens)
    let weight = beginHead(parameters)
    eachHeadSlice { rows in body(rows.lowerBound, logits(rows: rows, weight)) }
  }

  /// From tokens to the residual stream after the last layer; `observe` is shown it after each.
  func forward(
    _ parameters: UnsafeMutablePointer<Float>, tokens: SequenceTokens,
    observe: (_ layer: Int, _ stream: Matrix) -> Void = { _, _ in }
  ) {
    split(tokens)
    Embedding.forward(
      stream(into: 0), table: OuterWeights(parameters, layout).embedding, tokens: UnsafeBufferPointer(inputs),
      copies: shape.hiddenDecoding.repeats, on: team)
    clock?.mark(.elementwise)
    for layer in 0..<model.layers {
      forward(layer, LayerWeights(parameters, layout, layer: layer))
      observe(layer, stream(into: layer + 1))
    }
  }

  /// One block: attention and FFN, each added to the stream.
  func forward(_ layer: Int, _ weights: LayerWeights) {
    let x = stream(into: layer)
    let kept = activations(of: layer)
    let residual = shape.isForLastCopy(layer) ? x.rows(lastCopy) : x
    let attentionResidual = attentionResidual(rows: shape.queryRows(layer: layer))
    let output = stream(into: layer + 1)
    switch model.architecture.normPlacement {
    case .afterSublayer:
      attend(layer, weights, input: x)
      normalize(attentionResidual, kept.projection, weights.attentionNorm, residual: residual)
      clock?.mark(.elementwise)
      feedForward(layer, weights, input: attentionResidual)
      normalize(output, kept.down, weights.feedForwardNorm, residual: attentionResidual)
    case .beforeSublayer:
      let normed = normed(rows: x.rows)
      normalize(normed, x, weights.attentionNorm, residual: nil)
      clock?.mark(.elementwise)
      attend(layer, weights, input: normed)
      beginFeedForward(layer, weights)
      clock?.mark(.elementwise)
      feedForward(layer, weights, input: normed.rows(0..<attentionResidual.rows))
      ResidualSum.forward(output, attentionResidual, kept.down, on: team)
    }
    clock?.mark(.elementwise)
  }

  /// From the rows that attention takes to what it gives.
  private func attend(_ layer: Int, _ weights: LayerWeights, input: Matrix) {
    let kept = activations(of: layer)
    let input = operand(input)
    let weight = operand(weight: weights.queryKeyValue)
    if let together = kept.queryKeyValue {
      product(together, input, weight)
    } else {
      product(kept.query, input.rows(lastCopy), weight.rows(0..<model.querySize))
      product(kept.keyValue, input, weight.rows(model.querySize..<weight.rows))
    }
    clock?.mark(.projections)
    layOut(layer, weights)
    clock?.mark(.elementwise)
    attention.forward(attentionQueries(layer: layer), on: team)
    clock?.mark(.attentionForward)
    product(kept.projection, kept.attentionOutput, operand(weight: weights.output))
    clock?.mark(.projections)
  }

  /// A Llama's stream between attention and FFN, and its norm, which the FFN takes.
  func beginFeedForward(_ layer: Int, _ weights: LayerWeights) {
    let x = stream(into: layer)
    let rows = shape.queryRows(layer: layer)
    let residual = shape.isForLastCopy(layer) ? x.rows(lastCopy) : x
    ResidualSum.forward(attentionResidual(rows: rows), residual, activations(of: layer).projection, on: team)
    normalize(normed(rows: rows), attentionResidual(rows: rows), weights.feedForwardNorm, residual: nil)
  }

  /// From the rows that the FFN takes to what it gives.
  private func feedForward(_ layer: Int, _ weights: LayerWeights, input: Matrix) {
    let kept = activations(of: layer)
    let activation = activation(rows: input.rows)
    product(kept.gateUp, operand(input), operand(weight: weights.gateUp))
    clock?.mark(.feedForward)
    SwiGLU.forward(activation, kept.gateUp, on: team)
    clock?.mark(.elementwise)
    product(kept.down, activation, operand(weight: weights.down))
    clock?.mark(.feedForward)
  }

  // MARK: the head

  /// Each of copy K's rows' losses; with `gradients`, also the head's gradients, and that of the head's input.
  func head(
    _ parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>?, zLoss: Double
  ) {
    let weight = beginHead(parameters)
    eachHeadSlice { rows in
      let logits = logits(rows: rows, weight)
      let gradient = gradients == nil ? nil : logitGradient(logits)
      CrossEntropy.rows(
        logits, targets: UnsafePointer(targets + rows.lowerBound),
        losses: place(plan.losses + rows.lowerBound), logSumExps: place(plan.headLogSumExps + rows.lowerBound),
        gradient: gradient, zWeight: Float(zLoss), on: team)
      if let gradients, let gradient { headBackward(weight, gradients, gradient, rows: rows) }
    }
    clock?.mark(.head)
  }

  /// The sums of some of copy K's rows, after ``head(_:gradients:zLoss:)``.
  func lossSums(rows: Range<Int>) -> LossSums {
    let losses = place(plan.losses)
    let logSumExps = place(plan.headLogSumExps)
    var sums = LossSums()
    for row in rows where targets[row] >= 0 {
      sums.tokens += 1
      sums.crossEntropy += Double(losses[row])
      sums.squaredLogSumExp += Double(logSumExps[row]) * Double(logSumExps[row])
    }
    return sums
  }

  var headInput: Matrix { matrix(plan.headInput, rows: shape.rowsPerCopy, columns: model.hiddenSize) }

  /// Norms the head's input, and gives its weight as products take it.
  ///
  /// - Parameter copy: whose rows the head reads, from 0; nil for copy K.
  func beginHead(_ parameters: UnsafeMutablePointer<Float>, copy: Int? = nil) -> Matrix {
    let outer = OuterWeights(parameters, layout)
    let output = stream(into: model.layers)
    let repeats = shape.hiddenDecoding.repeats
    let first = output.rows - (repeats - (copy ?? repeats - 1)) * shape.rowsPerCopy
    normalize(headInput, output.rows(first..<first + shape.rowsPerCopy), outer.norm, residual: nil)
    return rounded(outer.head, at: plan.headOperand)
  }

  func eachHeadSlice(_ body: (Range<Int>) -> Void) {
    for start in stride(from: 0, to: shape.rowsPerCopy, by: shape.headRows) {
      body(start..<min(start + shape.headRows, shape.rowsPerCopy))
    }
  }

  func logits(rows: Range<Int>, _ weight: Matrix) -> Matrix {
    let logits = matrix(plan.logits, rows: rows.count, columns: model.vocabularySize)
    product(logits, operand(headInput.rows(rows)), weight)
    return logits
  }

  /// Where the gradient of a slice's logits goes: in fp32 to their own place.
  private func logitGradient(_ logits: Matrix) -> Matrix {
    if type == .fp32 { return logits }
    return matrix(plan.logitGradient, type, rows: logits.rows, columns: logits.columns)
  }

  // MARK: steps

  /// y ← x · wᵀ, cut so that one copy's rows don't depend on the others being there.
  func product(_ y: Matrix, _ x: Matrix, _ w: Matrix) {
    products.forward(y, x, w, segment: shape.rowsPerCopy)
  }

  func normalize(_ y: Matrix, _ x: Matrix, _ weight: UnsafeMutablePointer<Float>, residual: Matrix?) {
    RMSNorm.forward(y, x, weight: weight, epsilon: epsilon, residual: residual, on: team)
  }

  /// tokens [sequences][T + 1] → inputs and targets [sequences][T], and what each sees of its own text.
  private func split(_ tokens: SequenceTokens) {
    let positions = shape.positions
    precondition(
      tokens.ids.count == shape.sequences * (positions + 1)
        && tokens.positions?.count ?? tokens.ids.count == tokens.ids.count,
      "\(tokens.ids.count) tokens for \(shape)")
    hasDocuments = tokens.positions != nil
    for sequence in 0..<shape.sequences {
      for position in 0..<positions {
        let (row, place) = (sequence * positions + position, sequence * (positions + 1) + position)
        inputs[row] = tokens.ids[place]
        let within = tokens.positions.map { Int($0[place]) } ?? position
        precondition(0...position ~= within, "position \(within) of a text, at \(position)")
        textPositions[row] = Int32(within)
        textStarts[row] = Int32(position - within)
        firstVisible[row] = Int32(position - within + shape.hiddenDecoding.firstVisible(from: within))
        // Where the next token starts another text, there is nothing to predict.
        targets[row] = tokens.positions?[place + 1] == 0 ? -1 : tokens.ids[place + 1]
      }
    }
  }
}
