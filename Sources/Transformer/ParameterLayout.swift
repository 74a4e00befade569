/// One named tensor in the flat buffer that holds all parameters.
public struct ParameterTensor: Sendable, Equatable {
  /// What the tensor is used for in the model.
  public enum Role: Sendable {
    case embedding, head, finalNorm
    case query, key, value, queryNorm, keyNorm, attentionOutput, attentionNorm
    case gate, up, down, feedForwardNorm
  }

  /// The Hugging Face name.
  public let name: String
  /// [out, in], or [size] for a norm's weight.
  public let shape: [Int]
  /// Its elements in the flat buffer.
  public let range: Range<Int>
  public let role: Role
  /// Its layer, from 0; nil for tensors outside the layers.
  public let layer: Int?

  /// Whether it is a norm's weight, which is initialized to 1.
  public var isNorm: Bool { shape.count == 1 }
}

/// The layout of all parameters in one flat buffer of named tensors, without gaps.
///
/// Optimizer, gradient norm, gradient reduction and checkpoints are loops over one buffer. The query, key and value
/// weights of a layer are adjacent and are used as one matrix; so are gate and up.
public struct ParameterLayout: Sendable {
  public let model: ModelConfiguration
  /// The tensors in the order in which they are stored.
  public let tensors: [ParameterTensor]
  /// The number of parameters.
  public let count: Int
  /// Ranges of parameters in the order in which the backward pass completes their gradients: final norm and head, the
  /// layers from the last to the first, the embedding.
  public let buckets: [Range<Int>]

  /// The offset of each tensor in the flat buffer.
  let embeddingOffset: Int
  let layerOffsets: [[ParameterTensor.Role: Int]]
  let finalNormOffset: Int
  /// The embedding's offset if the two are tied.
  let headOffset: Int

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
    embeddingOffset = 0
    append("model.embed_tokens", .embedding, ParameterLayout.shape(of: .embedding, model))
    var starts: [Int] = []
    for layer in 0..<model.layers {
      starts.append(end)
      for tensor in model.architecture.blockTensors {
        append(tensor.name, tensor.role, layer: layer, ParameterLayout.shape(of: tensor.role, model))
      }
    }
    finalNormOffset = end
    append("model.norm", .finalNorm, ParameterLayout.shape(of: .finalNorm, model))
    if model.tieWordEmbeddings {
      headOffset = 0
    } else {
      headOffset = end
      append("lm_head", .head, ParameterLayout.shape(of: .head, model))
    }
    layerOffsets = (0..<model.layers).map { layer in
      let own = tensors.filter { $0.layer == layer }
      return Dictionary(uniqueKeysWithValues: own.map { ($0.role, $0.range.lowerBound) })
    }
    self.tensors = tensors
    count = end

    let layerEnds = starts.dropFirst() + [finalNormOffset]
    let layerRanges = zip(starts, layerEnds).map { $0..<$1 }
    let embeddingRange = 0..<(starts.first ?? finalNormOffset)
    buckets = [finalNormOffset..<end] + layerRanges.reversed() + [embeddingRange]
  }

  /// The shape of a tensor: [out, in], or [size] for a norm's weight.
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

  /// The tensor with this Hugging Face name; nil if the model has none.
  public subscript(name: String) -> ParameterTensor? { tensors.first { $0.name == name } }
}
