/// The structure of a transformer block, as data.
///
/// To add an architecture, describe it in a file of Architectures/ and list it in ``allCases``. Code branches on its
/// properties, never on its name.
public struct Architecture: Sendable {
  /// Where the norms of attention and FFN are applied.
  public enum NormPlacement: Sendable {
    /// To the input of attention and FFN: x + f(norm(x)).
    case beforeSublayer
    /// To the output of attention and FFN: x + norm(f(x)).
    case afterSublayer
  }

  /// The norm that is applied to queries and keys before the rotary embedding.
  public enum QueryKeyNorm: Sendable {
    case none
    /// One RMSNorm over all heads of a row together.
    case acrossHeads
  }

  /// One tensor of a block.
  struct BlockTensor: Sendable {
    /// Hugging Face's name inside the layer, without `.weight`.
    let name: String
    let role: ParameterTensor.Role

    init(_ name: String, _ role: ParameterTensor.Role) { (self.name, self.role) = (name, role) }
  }

  /// How Hugging Face's `transformers` names and configures the architecture.
  public struct PretrainedClass: Sendable {
    /// `architectures` in config.json, `Olmo2ForCausalLM`.
    public let name: String
    /// ε of the norms if config.json does not contain it.
    public let defaultRMSNormEpsilon: Double
    /// Flags in config.json for biases, which the class supports and these models do not have.
    public let biasFlags: [String]
  }

  /// The name in a configuration, and the `model_type` of `transformers`: `olmo2`.
  public let rawValue: String
  public let normPlacement: NormPlacement
  public let queryKeyNorm: QueryKeyNorm
  /// A block's tensors in the order in which they are stored. Query, key and value are adjacent, and so are gate and
  /// up.
  let blockTensors: [BlockTensor]
  public let pretrained: PretrainedClass
  /// How it differs from other architectures, for the configuration reference: a sentence without a subject.
  public let summary: String

  init(
    _ name: String, normPlacement: NormPlacement, queryKeyNorm: QueryKeyNorm, blockTensors: [BlockTensor],
    pretrained: PretrainedClass, summary: String
  ) {
    rawValue = name
    self.normPlacement = normPlacement
    self.queryKeyNorm = queryKeyNorm
    self.blockTensors = blockTensors
    self.pretrained = pretrained
    self.summary = summary
  }
}

extension Architecture: NamedCase {
  /// The architectures that a configuration may name.
  public static let allCases: [Architecture] = [.olmo2, .llama]
}
