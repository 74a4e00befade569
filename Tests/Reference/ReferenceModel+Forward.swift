import Foundation

extension ReferenceModel {
  /// All intermediate results of a layer, for its backward pass. R = K·T rows.
  struct LayerTrace {
    /// The residual stream into the layer, [R, d].
    var input: Matrix
    /// The input of attention: `input` (OLMo 2) or its norm (Llama), [R, d].
    var attentionInput: Matrix
    /// x Wq [R, h·e] and x Wk [R, g·e], before their norms.
    var queryProjection: Matrix
    var keyProjection: Matrix
    /// After norm and rotation, [R, h·e] and [R, g·e].
    var queries: Matrix
    var keys: Matrix
    /// [R, g·e].
    var values: Matrix
    /// The attention weights of each query head, [R, R]; zero for invisible keys.
    var probabilities: [Matrix]
    /// a, [R, h·e].
    var attention: Matrix
    /// a Wo, before its norm, [R, d].
    var attentionProjection: Matrix
    /// The residual stream between attention and FFN, [R, d].
    var middle: Matrix
    /// The input of the FFN: `middle` (OLMo 2) or its norm (Llama), [R, d].
    var feedForwardInput: Matrix
    /// [R, f] each.
    var gate: Matrix
    var up: Matrix
    var activation: Matrix
    /// The output of the FFN before its norm, [R, d].
    var down: Matrix
    /// The residual stream out of the layer, [R, d].
    var output: Matrix
  }

  /// All intermediate results of a sequence.
  struct Trace {
    /// T.
    var positions: Int
    /// The position of each token in its document, [T].
    var documentPositions: [Int]
    /// E[token], the same for all copies, [R, d].
    var embedding: Matrix
    var layers: [LayerTrace]
    /// The last layer's output for copy K, [T, d], before and after the final norm.
    var lastCopy: Matrix
    var normalized: Matrix
    /// [T, V].
    var logits: Matrix
  }

  /// The next-token logits of every position, [T][V], of copy K.
  ///
  /// - Parameters:
  ///   - tokens: one sequence, [T].
  ///   - starts: the positions where documents start, in addition to 0. Documents do not see each other.
  public func logits(tokens: [Int], starts: [Int] = []) -> [[Double]] { forward(tokens, starts: starts).logits.nested }

  /// The residual stream, [L + 1][R][d]: entry 0 is the embedding, entry l the output of layer l, counted from 1. Rows
  /// are ordered as in `row(position:copy:positions:)`.
  public func hiddenStates(tokens: [Int]) -> [[[Double]]] {
    let trace = forward(tokens)
    return [trace.embedding.nested] + trace.layers.map(\.output.nested)
  }

  /// The keys (after norm and rotation) and values of every row for each layer, [R][g·e] each, as a cache holds them.
  public func keysAndValues(tokens: [Int]) -> [(keys: [[Double]], values: [[Double]])] {
    forward(tokens).layers.map { ($0.keys.nested, $0.values.nested) }
  }

  /// The dense mask, [R][R]: whether the query of a row sees the key of another row.
  public func mask(positions: Int, starts: [Int] = []) -> [[Bool]] {
    let rows = (1...repeats).flatMap { copy in (0..<positions).map { ($0, copy) } }
    return rows.map { query in
      rows.map { key in
        // Positions are relative to the start of the document.
        let start = Self.start(of: query.0, starts)
        return start == Self.start(of: key.0, starts)
          && pattern.visible(query: (query.0 - start, query.1), key: (key.0 - start, key.1))
      }
    }
  }

  /// The start of the document that contains a position.
  static func start(of position: Int, _ starts: [Int]) -> Int { starts.filter { $0 <= position }.max() ?? 0 }

  /// - Precondition: there is at least one token, and all ids are less than V.
  func forward(_ tokens: [Int], starts: [Int] = []) -> Trace {
    let (positions, d) = (tokens.count, dimensions.hiddenSize)
    precondition(positions > 0, "a sequence needs at least one token")
    precondition(tokens.allSatisfy((0..<dimensions.vocabularySize).contains), "token ids must be less than V")
    let embeddings = weight("model.embed_tokens.weight")
    var x = Matrix(zeros: repeats * positions, d)
    for r in 0..<x.rows {
      for c in 0..<d { x[r, c] = embeddings[tokens[r % positions], c] }
    }
    let embedding = x
    let mask = mask(positions: positions, starts: starts)
    let documentPositions = (0..<positions).map { $0 - Self.start(of: $0, starts) }
    var layers: [LayerTrace] = []
    for layer in 0..<dimensions.layers {
      layers.append(forward(layer: layer, input: x, documentPositions: documentPositions, mask: mask))
      x = layers[layer].output
    }
    let lastRows = (repeats - 1) * positions * d..<repeats * positions * d
    let lastCopy = Matrix(rows: positions, columns: d, values: Array(x.values[lastRows]))
    let normalized = rmsNorm(lastCopy, weight("model.norm.weight"), epsilon: dimensions.rmsNormEpsilon)
    let logits = linear(normalized, weight(headName))
    return Trace(
      positions: positions, documentPositions: documentPositions, embedding: embedding, layers: layers,
      lastCopy: lastCopy,
      normalized: normalized,
      logits: logits)
  }

  private func forward(layer: Int, input x: Matrix, documentPositions: [Int], mask: [[Bool]]) -> LayerTrace {
    let prefix = "model.layers.\(layer)."
    let epsilon = dimensions.rmsNormEpsilon
    func rotate(_ z: Matrix) -> Matrix {
      rope(z, headSize: dimensions.headSize, theta: dimensions.ropeTheta) {
        documentPositions[$0 % documentPositions.count]
      }
    }

    /// The norm with this name, or `z` unchanged if the architecture does not have it.
    func norm(_ z: Matrix, _ name: String, in architecture: ReferenceModel.Architecture) -> Matrix {
      dimensions.architecture == architecture ? rmsNorm(z, weight(prefix + name), epsilon: epsilon) : z
    }

    let attentionInput = norm(x, "input_layernorm.weight", in: .llama)
    let queryProjection = linear(attentionInput, weight(prefix + "self_attn.q_proj.weight"))
    let keyProjection = linear(attentionInput, weight(prefix + "self_attn.k_proj.weight"))
    let values = linear(attentionInput, weight(prefix + "self_attn.v_proj.weight"))
    let queries = rotate(norm(queryProjection, "self_attn.q_norm.weight", in: .olmo2))
    let keys = rotate(norm(keyProjection, "self_attn.k_norm.weight", in: .olmo2))

    let probabilities = (0..<dimensions.heads).map { attentionWeights(head: $0, queries, keys, mask) }
    let attention = weightedValues(probabilities, values, mask)
    let attentionProjection = linear(attention, weight(prefix + "self_attn.o_proj.weight"))
    let middle = x + norm(attentionProjection, "post_attention_layernorm.weight", in: .olmo2)

    let feedForwardInput = norm(middle, "post_attention_layernorm.weight", in: .llama)
    let gate = linear(feedForwardInput, weight(prefix + "mlp.gate_proj.weight"))
    let up = linear(feedForwardInput, weight(prefix + "mlp.up_proj.weight"))
    let activation = swiGLU(gate: gate, up: up)
    let down = linear(activation, weight(prefix + "mlp.down_proj.weight"))
    let output = middle + norm(down, "post_feedforward_layernorm.weight", in: .olmo2)

    return LayerTrace(
      input: x, attentionInput: attentionInput, queryProjection: queryProjection, keyProjection: keyProjection,
      queries: queries, keys: keys,
      values: values, probabilities: probabilities, attention: attention, attentionProjection: attentionProjection,
      middle: middle, feedForwardInput: feedForwardInput, gate: gate, up: up, activation: activation, down: down,
      output: output)
  }

  /// The first column of the kv head that query head t reads: head ⌊t·g/h⌋.
  func keyValueColumn(head: Int) -> Int {
    head * dimensions.keyValueHeads / dimensions.heads * dimensions.headSize
  }

  /// One head's softmax(q kᵀ / √e) over the visible keys, [R, R].
  private func attentionWeights(head: Int, _ queries: Matrix, _ keys: Matrix, _ mask: [[Bool]]) -> Matrix {
    let e = dimensions.headSize
    let (queryColumn, keyColumn) = (head * e, keyValueColumn(head: head))
    var probabilities = Matrix(zeros: queries.rows, keys.rows)
    for q in 0..<queries.rows {
      var largest = -Double.infinity
      for k in 0..<keys.rows where mask[q][k] {
        var score = 0.0
        for c in 0..<e { score += queries[q, queryColumn + c] * keys[k, keyColumn + c] }
        probabilities[q, k] = score / Double(e).squareRoot()
        largest = max(largest, probabilities[q, k])
      }
      var sum = 0.0
      for k in 0..<keys.rows where mask[q][k] {
        probabilities[q, k] = exp(probabilities[q, k] - largest)
        sum += probabilities[q, k]
      }
      for k in 0..<keys.rows where mask[q][k] { probabilities[q, k] /= sum }
    }
    return probabilities
  }

  /// a = p v, head by head, [R, h·e].
  private func weightedValues(_ probabilities: [Matrix], _ values: Matrix, _ mask: [[Bool]]) -> Matrix {
    let e = dimensions.headSize
    var attention = Matrix(zeros: values.rows, dimensions.hiddenSize)
    for head in 0..<dimensions.heads {
      let (queryColumn, valueColumn) = (head * e, keyValueColumn(head: head))
      for q in 0..<values.rows {
        for k in 0..<values.rows where mask[q][k] {
          for c in 0..<e {
            attention[q, queryColumn + c] += probabilities[head][q, k] * values[k, valueColumn + c]
          }
        }
      }
    }
    return attention
  }
}
