extension ReferenceModel {
  /// The gradient of the loss for each parameter by name, row-major in the parameter's shape.
  public typealias Gradient = [String: [Double]]

  /// The backward pass of one sequence: adds its contribution to `gradient`.
  ///
  /// - Parameter dLogits: the gradient of the loss with respect to `trace.logits`, [T, V].
  func backward(_ trace: Trace, tokens: [Int], dLogits: Matrix, into gradient: inout Gradient) {
    let (positions, d) = (trace.positions, dimensions.hiddenSize)
    func add(_ name: String, _ contribution: Matrix) {
      gradient[name] = gradient[name].map { zip($0, contribution.values).map { $0 + $1 } } ?? contribution.values
    }

    let (dNormalized, dHead) = linearBackward(dLogits, trace.normalized, weight(headName))
    add(headName, dHead)
    let (dLastCopy, dNorm) = rmsNormBackward(
      dNormalized, trace.lastCopy, weight("model.norm.weight"), epsilon: dimensions.rmsNormEpsilon)
    add("model.norm.weight", dNorm)

    // Only copy K affects the logits directly, so the gradient of the other copies' rows starts at zero.
    var dx = Matrix(zeros: repeats * positions, d)
    let lastRows = (repeats - 1) * positions * d..<repeats * positions * d
    dx.values.replaceSubrange(lastRows, with: dLastCopy.values)

    for layer in (0..<dimensions.layers).reversed() {
      dx = backward(
        layer: layer, trace.layers[layer], dOutput: dx, documentPositions: trace.documentPositions, add: add)
    }

    var dEmbedding = Matrix(zeros: dimensions.vocabularySize, d)
    for r in 0..<dx.rows {
      for c in 0..<d { dEmbedding[tokens[r % positions], c] += dx[r, c] }
    }
    add("model.embed_tokens.weight", dEmbedding)
  }

  /// The backward pass of one layer: returns the gradient of its input, [R, d], from the gradient of its output.
  private func backward(
    layer: Int, _ trace: LayerTrace, dOutput: Matrix, documentPositions: [Int], add: (String, Matrix) -> Void
  ) -> Matrix {
    let prefix = "model.layers.\(layer)."
    func linearBack(_ name: String, _ dy: Matrix, _ x: Matrix) -> Matrix {
      let (dx, dWeight) = linearBackward(dy, x, weight(prefix + name))
      add(prefix + name, dWeight)
      return dx
    }
    func normBack(
      _ name: String, _ dy: Matrix, _ x: Matrix, in architecture: ReferenceModel.Architecture
    ) -> Matrix {
      guard dimensions.architecture == architecture else { return dy }
      let (dx, dWeight) = rmsNormBackward(dy, x, weight(prefix + name), epsilon: dimensions.rmsNormEpsilon)
      add(prefix + name, dWeight)
      return dx
    }
    func unrotate(_ z: Matrix) -> Matrix {
      rope(z, headSize: dimensions.headSize, theta: dimensions.ropeTheta, backward: true) {
        documentPositions[$0 % documentPositions.count]
      }
    }

    // output = middle + norm(down), or middle + down
    let dDown = normBack("post_feedforward_layernorm.weight", dOutput, trace.down, in: .olmo2)
    let dActivation = linearBack("mlp.down_proj.weight", dDown, trace.activation)
    let (dGate, dUp) = swiGLUBackward(dActivation, gate: trace.gate, up: trace.up)
    let dFeedForwardInput =
      linearBack("mlp.gate_proj.weight", dGate, trace.feedForwardInput)
      + linearBack("mlp.up_proj.weight", dUp, trace.feedForwardInput)
    let dMiddle =
      dOutput + normBack("post_attention_layernorm.weight", dFeedForwardInput, trace.middle, in: .llama)

    // middle = input + norm(a Wo), or input + a Wo
    let dProjection = normBack(
      "post_attention_layernorm.weight", dMiddle, trace.attentionProjection, in: .olmo2)
    let dAttention = linearBack("self_attn.o_proj.weight", dProjection, trace.attention)
    let (dQueries, dKeys, dValues) = attentionBackward(dAttention, trace)
    let dQueryProjection = normBack(
      "self_attn.q_norm.weight", unrotate(dQueries), trace.queryProjection, in: .olmo2)
    let dKeyProjection = normBack("self_attn.k_norm.weight", unrotate(dKeys), trace.keyProjection, in: .olmo2)
    let dAttentionInput =
      linearBack("self_attn.q_proj.weight", dQueryProjection, trace.attentionInput)
      + linearBack("self_attn.k_proj.weight", dKeyProjection, trace.attentionInput)
      + linearBack("self_attn.v_proj.weight", dValues, trace.attentionInput)
    return dMiddle + normBack("input_layernorm.weight", dAttentionInput, trace.input, in: .llama)
  }

  /// With p = softmax(s), s = q kᵀ / √e and a = p v:
  /// dv = pᵀ da, dp = da vᵀ, ds = p ⊙ (dp − Σ_k p ⊙ dp), dq = ds k / √e, dk = dsᵀ q / √e. Invisible keys have p = 0.
  private func attentionBackward(
    _ dAttention: Matrix, _ trace: LayerTrace
  ) -> (dQueries: Matrix, dKeys: Matrix, dValues: Matrix) {
    let (e, rows) = (dimensions.headSize, dAttention.rows)
    let scale = 1 / Double(e).squareRoot()
    var dQueries = Matrix(zeros: rows, dimensions.hiddenSize)
    var dKeys = Matrix(zeros: rows, dimensions.keyValueSize)
    var dValues = Matrix(zeros: rows, dimensions.keyValueSize)
    for head in 0..<dimensions.heads {
      let (queryColumn, keyColumn) = (head * e, keyValueColumn(head: head))
      let p = trace.probabilities[head]
      for q in 0..<rows {
        var dProbability = [Double](repeating: 0, count: rows)
        var mean = 0.0
        for k in 0..<rows {
          for c in 0..<e {
            dProbability[k] += dAttention[q, queryColumn + c] * trace.values[k, keyColumn + c]
            dValues[k, keyColumn + c] += p[q, k] * dAttention[q, queryColumn + c]
          }
          mean += p[q, k] * dProbability[k]
        }
        for k in 0..<rows {
          let dScore = p[q, k] * (dProbability[k] - mean) * scale
          for c in 0..<e {
            dQueries[q, queryColumn + c] += dScore * trace.keys[k, keyColumn + c]
            dKeys[k, keyColumn + c] += dScore * trace.queries[q, queryColumn + c]
          }
        }
      }
    }
    return (dQueries, dKeys, dValues)
  }
}
