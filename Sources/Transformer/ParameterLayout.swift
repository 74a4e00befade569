/// One named tensor in the flat buffer that holds all parameters.
public struct ParameterTensor: Sendable, Equatable {
  /// Hugging Face's name for OLMo 2.
  public let name: String
  /// [out, in], or [size] for a norm's weight.
  public let shape: [Int]
  /// Its floats in the flat buffer.
  public let range: Range<Int>
  /// Whether it is a norm's weight, which starts at one.
  public let isNorm: Bool
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
  let layerStarts: [Int]
  let finalNorm: Int
  let head: Int

  public init(_ model: ModelConfiguration) {
    self.model = model
    let (d, f) = (model.hiddenSize, model.intermediateSize)
    var tensors: [ParameterTensor] = []
    var end = 0
    func append(_ name: String, _ shape: [Int]) {
      let size = shape.reduce(1, *)
      tensors.append(
        ParameterTensor(name: name, shape: shape, range: end..<end + size, isNorm: shape.count == 1))
      end += size
    }
    embedding = 0
    append("model.embed_tokens.weight", [model.vocabularySize, d])
    var starts: [Int] = []
    for layer in 0..<model.layers {
      starts.append(end)
      let prefix = "model.layers.\(layer)."
      append(prefix + "self_attn.q_proj.weight", [d, d])
      append(prefix + "self_attn.k_proj.weight", [model.keyValueSize, d])
      append(prefix + "self_attn.v_proj.weight", [model.keyValueSize, d])
      append(prefix + "self_attn.q_norm.weight", [d])
      append(prefix + "self_attn.k_norm.weight", [model.keyValueSize])
      append(prefix + "self_attn.o_proj.weight", [d, d])
      append(prefix + "post_attention_layernorm.weight", [d])
      append(prefix + "mlp.gate_proj.weight", [f, d])
      append(prefix + "mlp.up_proj.weight", [f, d])
      append(prefix + "mlp.down_proj.weight", [d, f])
      append(prefix + "post_feedforward_layernorm.weight", [d])
    }
    finalNorm = end
    append("model.norm.weight", [d])
    if model.tieWordEmbeddings {
      head = 0
    } else {
      head = end
      append("lm_head.weight", [model.vocabularySize, d])
    }
    layerStarts = starts
    self.tensors = tensors
    count = end

    let layerEnds = starts.dropFirst() + [finalNorm]
    let layers = zip(starts, layerEnds).map { $0..<$1 }
    let embeddingRange = 0..<(starts.first ?? finalNorm)
    buckets = [finalNorm..<end] + layers.reversed() + [embeddingRange]
  }

  /// The tensor of that name.
  public subscript(name: String) -> ParameterTensor? { tensors.first { $0.name == name } }
}
