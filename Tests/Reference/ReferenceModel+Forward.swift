import Foundation

extension ReferenceModel {
  /// All that a layer computes, kept for its backward. R = K·T rows.
  struct LayerTrace {
    /// The residual stream that enters, [R, d].
    var input: Matrix
    /// What attention takes: the input, or its norm, [R, d].
    var attentionInput: Matrix
    /// x Wq [R, h·e] and x Wk [R, g·e], before their norms.
    var queryProjection: Matrix
    var keyProjection: Matrix
    /// After norm and rotation, [R, h·e] and [R, g·e].
    var queries: Matrix
    var keys: Matrix
    /// [R, g·e].
    var values: Matrix
    /// Per query head, [R, R]; zero where the pattern forbids.
    var probabilities: [Matrix]
    /// a, [R, h·e].
    var attention: Matrix
    /// a Wo, before its norm, [R, d].
    var attentionProjection: Matrix
    /// The residual stream between attention and FFN, [R, d].
    var middle: Matrix
    /// What the FFN takes, [R, d].
    var feedForwardInput: Matrix
    /// [R, f] each.
    var gate: Matrix
    var up: Matrix
    var activation: Matrix
    /// The FFN before its norm, [R, d].
    var down: Matrix
    /// The residual stream that leaves, [R, d].
    var output: Matrix
  }

  /// All that a sequence computes.
  struct Trace {
    /// T.
    var positions: Int
    /// How far each position is from its text's start, [T].
    var places: [Int]
    /// E[token], every copy the same, [R, d].
    var embedding: Matrix
    var layers: [LayerTrace]
    /// The rows of copy K that leave the last layer, [T, d], before and after the last norm.
    var lastCopy: Matrix
    var normalised: Matrix
    /// [T, V].
    var logits: Matrix
  }

  /// The next-token logits of every position, [T][V], read from copy K. `tokens` [T] is one sequence; texts that must
  /// not see each other start at `starts`, and one at 0 always.
  public func logits(tokens: [Int], starts: [Int] = []) -> [[Double]] { forward(tokens, starts: starts).logits.nested }

  /// The residual stream, [L + 1][R][d]: entry 0 is the embedding, entry l what leaves layer l (counted from 1), before
  /// the last norm. Rows as in `row(position:copy:positions:)`.
  public func hiddenStates(tokens: [Int]) -> [[[Double]]] {
    let trace = forward(tokens)
    return [trace.embedding.nested] + trace.layers.map(\.output.nested)
  }

  /// Per layer, the keys (after norm and rotation) and the values of every row, [R][g·e] each: what caches hold.
  public func keysAndValues(tokens: [Int]) -> [(keys: [[Double]], values: [[Double]])] {
    forward(tokens).layers.map { ($0.keys.nested, $0.values.nested) }
  }

  /// The dense mask, [R][R]: whether a query's row sees a key's row.
  public func mask(positions: Int, starts: [Int] = []) -> [[Bool]] {
    let rows = (1...repeats).flatMap { copy in (0..<positions).map { ($0, copy) } }
    return rows.map { query in
      rows.map { key in
        // Positions count from the start of the text that both are in.
        let start = Self.start(of: query.0, starts)
        return start == Self.start(of: key.0, starts)
          && pattern.visible(query: (query.0 - start, query.1), key: (key.0 - start, key.1))
      }
    }
  }

  /// Where the text that a position is in starts.
  static func start(of position: Int, _ starts: [Int]) -> Int { starts.filter { $0 <= position }.max() ?? 0 }

  /// - Precondition: `tokens` are ids below V, at least one.
  func forward(_ tokens: [Int], starts: [Int] = []) -> Trace {
    let (positions, d) = (tokens.count, dimensions.hiddenSize)
    precondition(positions > 0, "a sequence has a token")
    precondition(tokens.allSatisfy((0..<dimensions.vocabularySize).contains), "tokens are ids below V")
    let embeddings = weight("model.embed_tokens.weight")
    var x = Matrix(zeros: repeats * positions, d)
    for r in 0..<x.rows {
      for c in 0..<d { x[r, c] = embeddings[tokens[r % positions], c] }
    }
    let embedding = x
    let mask = mask(positions: positions, starts: starts)
    let places = (0..<positions).map { $0 - Self.start(of: $0, starts) }
    var layers: [LayerTrace] = []
    for layer in 0..<dimensions.layers {
      layers.append(forward(layer: layer, input: x, places: places, mask: mask))
      x = layers[layer].output
    }
    let lastRows = (repeats - 1) * positions * d..<repeats * positions * d
    let lastCopy = Matrix(rows: positions, columns: d, values: Array(x.values[lastRows]))
    let normalised = rmsNorm(lastCopy, weight("model.norm.weight"), epsilon: dimensions.rmsNormEpsilon)
    let logits = linear(normalised, weight(headName))
    return Trace(
      positions: positions, places: places, embedding: embedding, layers: layers, lastCopy: lastCopy,
      normalised: normalised,
      logits: logits)
  }

  private func forward(layer: Int, input x: Matrix, places: [Int], mask: [[Bool]]) -> LayerTrace {
    let prefix = "model.layers.\(layer)."
    let epsilon = dimensions.rmsNormEpsilon
    func rotate(_ z: Matrix) -> Matrix {
      rope(z, headSize: dimensions.headSize, theta: dimensions.ropeTheta) { places[$0 % places.count] }
    }

    /// The norm of that name; without one in this architecture, the rows themselves.
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
