/// One named tensor in the flat buffer that holds all parameters.
public struct ParameterTensor: Sendable, Equatable {
  /// What a model computes with it.
  public enum Role: Sendable {
    case embedding, head, finalNorm
    case query, key, value, queryNorm, keyNorm, attentionOutput, attentionNorm
    case gate, up, down, feedForwardNorm
  }

  /// Hugging Face's name.
  public let name: String
  /// [out, in], or [size] for a norm's weight.
  public let shape: [Int]
  /// Its floats in the flat buffer.
  public let range: Range<Int>
  public let role: Role
  /// Which layer it is in; nil outside the layers.
  public let layer: Int?

  /// Whether it is a norm's weight, which starts at one.
  public var isNorm: Bool { shape.count == 1 }
}

/// All parameters in one flat buffer, cut into named tensors without gaps.
///
/// So the optimizer, the gradient's norm, the reduction over ranks and the checkpoint are loops over one buffer, and
/// the query, key and value weights (gate and up likewise) are one matrix.
public struct ParameterLayout: Sendable {
  public let model: ModelConfiguration
  /// In the order in which they lie.
  public let tensors: [ParameterTensor]
  /// Floats in all: the number of parameters.
  public let count: Int
  /// Ranges whose gradients are final one after another as the backward pass goes: the head's, the last layer's …
  /// the first layer's, the embedding's.
  public let buckets: [Range<Int>]

  let embedding: Int
  /// Where each layer's tensors start.
  let layers: [[ParameterTensor.Role: Int]]
  let finalNorm: Int
  let head: Int

  public init(_ model: ModelConfiguration) {
    self.model = model
    let (d, f) = (model.hiddenSize, model.intermediateSize)
    var tensors: [ParameterTensor] = []
    var end = 0
    func append(_ name: String, _ role: ParameterTensor.Role, layer: Int? = nil, _ shape: [Int]) {
      let size = shape.reduce(1, *)
      let prefix = layer.map { "model.layers.\($0)." } ?? ""
      tensors.append(
        ParameterTensor(
          name: prefix + name + ".weight", shape: shape, range: end..<end + size, role: role, layer: layer))
      end += size
    }
    embedding = 0
    append("model.embed_tokens", .embedding, [model.vocabularySize, d])
    var starts: [Int] = []
    for layer in 0..<model.layers {
      starts.append(end)
      switch model.architecture {
      case .olmo2:
        append("self_attn.q_proj", .query, layer: layer, [d, d])
        append("self_attn.k_proj", .key, layer: layer, [model.keyValueSize, d])
        append("self_attn.v_proj", .value, layer: layer, [model.keyValueSize, d])
        append("self_attn.q_norm", .queryNorm, layer: layer, [d])
        append("self_attn.k_norm", .keyNorm, layer: layer, [model.keyValueSize])
        append("self_attn.o_proj", .attentionOutput, layer: layer, [d, d])
        append("post_attention_layernorm", .attentionNorm, layer: layer, [d])
        append("mlp.gate_proj", .gate, layer: layer, [f, d])
        append("mlp.up_proj", .up, layer: layer, [f, d])
        append("mlp.down_proj", .down, layer: layer, [d, f])
        append("post_feedforward_layernorm", .feedForwardNorm, layer: layer, [d])
      case .llama:
        append("input_layernorm", .attentionNorm, layer: layer, [d])
        append("self_attn.q_proj", .query, layer: layer, [d, d])
        append("self_attn.k_proj", .key, layer: layer, [model.keyValueSize, d])
        append("self_attn.v_proj", .value, layer: layer, [model.keyValueSize, d])
        append("self_attn.o_proj", .attentionOutput, layer: layer, [d, d])
        append("post_attention_layernorm", .feedForwardNorm, layer: layer, [d])
        append("mlp.gate_proj", .gate, layer: layer, [f, d])
        append("mlp.up_proj", .up, layer: layer, [f, d])
        append("mlp.down_proj", .down, layer: layer, [d, f])
      }
    }
    finalNorm = end
    append("model.norm", .finalNorm, [d])
    if model.tieWordEmbeddings {
      head = 0
    } else {
      head = end
      append("lm_head", .head, [model.vocabularySize, d])
    }
    layers = (0..<model.layers).map { layer in
      let own = tensors.filter { $0.layer == layer }
      return Dictionary(uniqueKeysWithValues: own.map { ($0.role, $0.range.lowerBound) })
    }
    self.tensors = tensors
    count = end

    let layerEnds = starts.dropFirst() + [finalNorm]
    let layerRanges = zip(starts, layerEnds).map { $0..<$1 }
    let embeddingRange = 0..<(starts.first ?? finalNorm)
    buckets = [finalNorm..<end] + layerRanges.reversed() + [embeddingRange]
  }

  /// The tensor of that name.
  public subscript(name: String) -> ParameterTensor? { tensors.first { $0.name == name } }
}
