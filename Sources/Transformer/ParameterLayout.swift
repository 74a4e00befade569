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
    append("model.embed_tokens", .embedding, ParameterLayout.shape(of: .embedding, model))
    var starts: [Int] = []
    for layer in 0..<model.layers {
      starts.append(end)
      for tensor in model.architecture.blockTensors {
        append(tensor.name, tensor.role, layer: layer, ParameterLayout.shape(of: tensor.role, model))
      }
    }
    finalNorm = end
    append("model.norm", .finalNorm, ParameterLayout.shape(of: .finalNorm, model))
    if model.tieWordEmbeddings {
      head = 0
    } else {
      head = end
      append("lm_head", .head, ParameterLayout.shape(of: .head, model))
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

  /// The shape of a tensor: [out, in], or [size] of a norm's weight.
  private static func shape(of role: ParameterTensor.Role, _ model: ModelConfiguration) -> [Int] {
    let (d, f) = (model.hiddenSize, model.intermediateSize)
    return switch role {
    case .embedding, .head: [model.vocabularySize, d]
    case .query: [model.querySize, d]
    case .key, .value: [model.keyValueSize, d]
    case .attentionOutput: [d, model.querySize]
    case .gate, .up: [f, d]
    case .down: [d, f]
    case .queryNorm: [model.querySize]
    case .keyNorm: [model.keyValueSize]
    case .attentionNorm, .feedForwardNorm, .finalNorm: [d]
    }
  }

  /// The tensor of that name.
  public subscript(name: String) -> ParameterTensor? { tensors.first { $0.name == name } }
}
