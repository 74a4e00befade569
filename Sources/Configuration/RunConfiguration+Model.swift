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
        "V, the size of the vocabulary: token ids are below it."),
      hiddenSize: try section.integer(
        "hidden_size", locked: true, in: width,
        "d, the width of the residual stream: a multiple of `num_attention_heads`."),
      intermediateSize: try section.integer(
        "intermediate_size", locked: true, in: width,
        "f, the width of the SwiGLU feed-forward layer: gate and up have as many rows each."),
      layers: try section.integer(
        "num_hidden_layers", locked: true, in: 1...ConfigurationLimit.layers, "L, the number of blocks."),
      queryHeads: try section.integer(
        "num_attention_heads", locked: true, in: width,
        "h, query heads. A head's size, `hidden_size` / `num_attention_heads`, must be even."),
      keyValueHeads: try section.integer(
        "num_key_value_heads", locked: true, in: width,
        "g, key and value heads: a divisor of `num_attention_heads`, equal to it for plain multi-head attention."),
      ropeTheta: try section.number(
        "rope_theta", locked: true, default: 500_000, in: .from(1, to: 1e12), "θ of the rotary embedding's angles."),
      rmsNormEpsilon: try section.number(
        "rms_norm_eps", locked: true, default: 1e-6, in: .from(1e-30, to: 1),
        "What every RMSNorm adds to the mean square."),
      initializerRange: try section.number(
        "initializer_range", locked: true, default: 0.02, in: .from(0, to: 100),
        "σ of the initial weights, a normal distribution cut at ±3σ."),
      tieWordEmbeddings: try section.boolean(
        "tie_word_embeddings", locked: true, default: false,
        "Whether the embedding serves as the head's weight too; there is no `lm_head.weight` then."))
  }
}

extension ModelMetadata {
  init(_ section: ConfigurationSection) throws(ConfigurationError) {
    let tokens = 0...ConfigurationLimit.count
    self.init(
      maxPositionEmbeddings: try section.integerOrNull(
        "max_position_embeddings", locked: true, in: 1...ConfigurationLimit.count,
        "The longest text that other programs should give the model; computes nothing here."),
      beginOfText: try section.integerOrNull(
        "bos_token_id", locked: true, in: tokens, "The token that begins a text; kept for other programs."),
      endOfText: try section.integers(
        "eos_token_id", locked: true, in: tokens, "The token, or tokens, that end a text; kept for other programs."),
      padding: try section.integerOrNull(
        "pad_token_id", locked: true, in: tokens, "The token of padding; kept for other programs."))
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
      "K, copies of each token: the original, and K − 1 hidden ones. At least 2, but 1 for `vanilla`.")
    let window = try section.integer(
      "window", locked: true, default: 16, in: 1...ConfigurationLimit.count,
      when: ConfigurationSection.Condition(
        holds: pattern.usesWindow,
        text: "hidden_decoding.pattern is \(Pattern.names(where: \.usesWindow))"),
      "W, positions whose hidden copies a hidden copy sees, its own included: at least 2 (1 would be `phd`).")
    let chunk = try section.integer(
      "chunk", locked: true, default: 32, in: 1...ConfigurationLimit.count,
      when: ConfigurationSection.Condition(
        holds: pattern.usesChunk,
        text: "hidden_decoding.pattern is \(Pattern.names(where: \.usesChunk))"),
      "C, positions of a chunk, which the window does not leave.")
    // Where the reader only collects declarations the conditions do not hold, but values come all the same.
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
