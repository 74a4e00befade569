extension ModelConfiguration {
  /// One key of a configuration's section `model`, with its value.
  public struct Field: Sendable, Equatable {
    public enum Value: Sendable, Equatable {
      case text(String)
      case integer(Int)
      case number(Double)
      case flag(Bool)
    }

    /// The name in a configuration, and in Hugging Face's config.json: `hidden_size`.
    public let key: String
    public let value: Value
    /// What the value affects.
    public let effect: Effect

    /// What a value affects.
    public enum Effect: Sendable {
      /// The tensors' shapes.
      case shapes
      /// The function that weights of the same shapes compute.
      case function
      /// Only the initial weights.
      case initialization
    }
  }

  /// All keys of the model in the configuration's order. Everything that writes or compares models reads this list.
  public var fields: [Field] {
    [
      Field(key: "architecture", value: .text(architecture.rawValue), effect: .function),
      Field(key: "vocab_size", value: .integer(vocabularySize), effect: .shapes),
      Field(key: "hidden_size", value: .integer(hiddenSize), effect: .shapes),
      Field(key: "intermediate_size", value: .integer(intermediateSize), effect: .shapes),
      Field(key: "num_hidden_layers", value: .integer(layers), effect: .shapes),
      Field(key: "num_attention_heads", value: .integer(queryHeads), effect: .function),
      Field(key: "num_key_value_heads", value: .integer(keyValueHeads), effect: .function),
      Field(key: "rope_theta", value: .number(ropeTheta), effect: .function),
      Field(key: "rms_norm_eps", value: .number(rmsNormEpsilon), effect: .function),
      Field(key: "initializer_range", value: .number(initializerRange), effect: .initialization),
      Field(key: "tie_word_embeddings", value: .flag(tieWordEmbeddings), effect: .function),
    ]
  }
}

extension ModelConfiguration.Field.Value: CustomStringConvertible {
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .flag(let flag): "\(flag)"
    }
  }
}
