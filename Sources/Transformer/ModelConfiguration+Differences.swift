extension ModelConfiguration {
  /// A value that two models have not in common.
  public struct Difference: Sendable, Equatable {
    /// The key of a configuration's section `model`.
    public let key: String
    public let value: String
    /// The other model's.
    public let other: String

    public init(key: String, value: String, other: String) { (self.key, self.value, self.other) = (key, value, other) }
  }

  /// What the other model has otherwise, but for what its initial weights would have been.
  public func differences(from other: ModelConfiguration) -> [Difference] {
    let values: [(key: String, value: (ModelConfiguration) -> String)] = [
      ("architecture", { $0.architecture.rawValue }), ("vocab_size", { "\($0.vocabularySize)" }),
      ("hidden_size", { "\($0.hiddenSize)" }), ("intermediate_size", { "\($0.intermediateSize)" }),
      ("num_hidden_layers", { "\($0.layers)" }), ("num_attention_heads", { "\($0.queryHeads)" }),
      ("num_key_value_heads", { "\($0.keyValueHeads)" }), ("rope_theta", { "\($0.ropeTheta)" }),
      ("rms_norm_eps", { "\($0.rmsNormEpsilon)" }), ("tie_word_embeddings", { "\($0.tieWordEmbeddings)" }),
    ]
    return values.compactMap { key, value in
      let (mine, theirs) = (value(self), value(other))
      return mine == theirs ? nil : Difference(key: key, value: mine, other: theirs)
    }
  }
}
