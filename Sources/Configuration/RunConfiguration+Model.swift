import Transformer

extension ModelConfiguration {
  init(_ section: ConfigurationSection) throws(ConfigurationError) {
    let width = 1...ConfigurationLimit.width
    self.init(
      architecture: try section.choice(
        "architecture", locked: true, default: Architecture.olmo2,
        Architecture.allCases.map { "`\($0)`: \($0.summary)" }.joined(separator: " ")),
      vocabularySize: try section.integer(
        "vocab_size", locked: true, in: 1...ConfigurationLimit.count,
        "V, the size of the vocabulary: all token ids are below it."),
      hiddenSize: try section.integer(
        "hidden_size", locked: true, in: width,
        "d, the width of the residual stream: a multiple of `num_attention_heads`."),
      intermediateSize: try section.integer(
        "intermediate_size", locked: true, in: width,
        "f, the width of the SwiGLU feed-forward layer: the number of rows of the gate and up projections."),
      layers: try section.integer(
        "num_hidden_layers", locked: true, in: 1...ConfigurationLimit.layers, "L, the number of blocks."),
      queryHeads: try section.integer(
        "num_attention_heads", locked: true, in: width,
        "h, query heads. A head's size, `hidden_size` / `num_attention_heads`, must be even."),
      keyValueHeads: try section.integer(
        "num_key_value_heads", locked: true, in: width,
        "g, key and value heads: a divisor of `num_attention_heads`, or equal to it for plain multi-head attention."),
      ropeTheta: try section.number(
        "rope_theta", locked: true, default: 500_000, in: .from(1, to: 1e12), "θ, the base of the rotary embedding."),
      rmsNormEpsilon: try section.number(
        "rms_norm_eps", locked: true, default: 1e-6, in: .from(1e-30, to: 1),
        "ε, which every RMSNorm adds to the mean square."),
      initializerRange: try section.number(
        "initializer_range", locked: true, default: 0.02, in: .from(0, to: 100),
        "σ of the initial weights: a normal distribution, truncated at ±3σ."),
      tieWordEmbeddings: try section.boolean(
        "tie_word_embeddings", locked: true, default: false,
        "Whether the head uses the weight of the embedding; then there is no `lm_head.weight`."))
  }
}

extension ModelMetadata {
  init(_ section: ConfigurationSection) throws(ConfigurationError) {
    let tokens = 0...ConfigurationLimit.count
    self.init(
      maxPositionEmbeddings: try section.integerOrNull(
        "max_position_embeddings", locked: true, in: 1...ConfigurationLimit.count,
        "The maximal text length for other programs, in tokens; has no effect on training."),
      beginOfText: try section.integerOrNull(
        "bos_token_id", locked: true, in: tokens, "The token at the start of a text; stored for other programs."),
      endOfText: try section.integers(
        "eos_token_id", locked: true, in: tokens, "The token or tokens that end a text; stored for other programs."),
      padding: try section.integerOrNull(
        "pad_token_id", locked: true, in: tokens, "The padding token; stored for other programs."))
  }
}

extension HiddenDecoding {
  init(_ section: ConfigurationSection) throws(ConfigurationError) {
    let pattern = try section.choice(
      "pattern", locked: true, default: Pattern.vanilla,
      Pattern.allCases.map { "`\($0)`: \($0.summary)" }.joined(separator: " "))
    let repeats = try section.integer(
      "repeats", locked: true, default: pattern.hasHiddenCopies ? 2 : 1, note: "`2`, and `1` for `vanilla`",
      in: 1...ConfigurationLimit.repeats,
      "K, the copies of each token: the original and K − 1 hidden copies. At least 2, except 1 for `vanilla`.")
    let window = try section.integer(
      "window", locked: true, default: 16, in: 1...ConfigurationLimit.count,
      when: ConfigurationSection.Condition(
        holds: pattern.usesWindow,
        text: "hidden_decoding.pattern is \(Pattern.names(where: \.usesWindow))"),
      "W, the positions whose hidden copies a hidden copy attends to, including its own: at least 2 (1 would be `phd`)."
    )
    let chunk = try section.integer(
      "chunk", locked: true, default: 32, in: 1...ConfigurationLimit.count,
      when: ConfigurationSection.Condition(
        holds: pattern.usesChunk,
        text: "hidden_decoding.pattern is \(Pattern.names(where: \.usesChunk))"),
      "C, the positions of a chunk. A window does not extend beyond its chunk.")
    // Without JSON, only declarations are collected, and the values are placeholders.
    guard section.object != nil else {
      self = .vanilla
      return
    }
    if let object = section.object, object["chunk"] != nil, object["window"] == nil, pattern.usesChunk {
      throw ConfigurationError(
        "\(section.reader.place("hidden_decoding.chunk")): hidden_decoding.chunk is given without a window; "
          + "give hidden_decoding.window as well")
    }
    let error = HiddenDecoding.validationError(pattern: pattern, repeats: repeats, window: window, chunk: chunk)
    if let error {
      let paths = ["pattern", "repeats", "window", "chunk"].map { section.path($0) }
      let given = paths.first { section.reader.override(of: $0) != nil } ?? paths[0]
      throw ConfigurationError("\(section.reader.place(given)): hidden_decoding: \(error)")
    }
    self.init(pattern: pattern, repeats: repeats, window: window, chunk: chunk)
  }
}
