import JSON
import Storage
import Transformer

extension PretrainedModel {
  /// Writes a folder that `transformers` loads: `config.json`, `model.safetensors`, and for patterns with hidden copies
  /// `modeling_phd.py`, the model's code (`trust_remote_code`).
  ///
  /// - Parameters:
  ///   - tokenizer: the contents of `tokenizer.json`, if there is one.
  ///   - type: fp32 or bf16.
  ///   - read: reads rows of a tensor (elements of a norm) into the buffer.
  /// - Throws: `StorageError.failed`; errors of `read`.
  public static func write(
    _ description: ModelDescription, tokenizer: [UInt8]? = nil, as type: SafetensorsType, to folder: String,
    read: (_ tensor: ParameterTensor, _ rows: Range<Int>, _ floats: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    try Folder.make(folder)
    let layout = ParameterLayout(description.model)
    try SafetensorsFile.write(
      layout.tensors.map { ($0.name, $0.shape) }, as: type, to: folder + "/model.safetensors"
    ) { index, rows, floats in try read(layout.tensors[index], rows, floats) }
    if description.hasCode { try WholeFile.write(PackageResources.modeling_phd_py, to: folder + "/modeling_phd.py") }
    if let tokenizer {
      try WholeFile.write(tokenizer, to: folder + "/tokenizer.json")
      let settings = description.tokenizerSettings(tokenizer)
      try WholeFile.write(Array((settings.pretty + "\n").utf8), to: folder + "/tokenizer_config.json")
    }
    // Written last, so that a folder with config.json is complete.
    try WholeFile.write(Array((description.json(type).pretty + "\n").utf8), to: folder + "/config.json")
  }
}

extension PretrainedModel {
  /// Files in a folder that ``write(_:tokenizer:as:to:read:)`` would not replace, and that other programs would load as
  /// parts of the new model.
  ///
  /// - Throws: `StorageError.failed` if the folder cannot be read.
  public static func leftovers(in folder: String, of description: ModelDescription, hasTokenizer: Bool) throws
    -> [String]
  {
    let written =
      (hasTokenizer ? ["tokenizer.json", "tokenizer_config.json"] : [])
      + (description.hasCode ? ["modeling_phd.py"] : [])
    let read = [
      "generation_config.json", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
      "adapter_config.json", "modeling_phd.py", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
      "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    ]
    return try read.filter { try !written.contains($0) && FileStatus.exists("\(folder)/\($0)") }
  }
}

extension ModelDescription {
  /// Whether `transformers` needs `modeling_phd.py` for the model.
  var hasCode: Bool { hiddenDecoding.pattern.hasHiddenCopies }

  /// `tokenizer_config.json`: the tokenizer's class, which only needs `tokenizer.json`, and the special tokens.
  func tokenizerSettings(_ tokenizer: [UInt8]) -> JSONValue {
    var json = JSONValue.Object()
    json["tokenizer_class"] = "PreTrainedTokenizerFast"
    if let length = metadata.maxPositionEmbeddings { json["model_max_length"] = .integer(length) }
    let added = (try? JSONValue(parsing: tokenizer))?["added_tokens"]?.array ?? []
    let named = [
      ("bos_token", metadata.beginOfText), ("eos_token", metadata.endOfText.first), ("pad_token", metadata.padding),
    ]
    for (name, id) in named {
      guard let id, let token = added.first(where: { $0["id"]?.integer == id })?["content"] else { continue }
      json[name] = token
    }
    return .object(json)
  }

  /// `config.json`.
  func json(_ type: SafetensorsType) -> JSONValue {
    let base = model.architecture.rawValue
    var json = JSONValue.Object()
    if hasCode {
      json["architectures"] = ["PHDForCausalLM"]
      json["auto_map"] = [
        "AutoConfig": "modeling_phd.PHDConfig", "AutoModelForCausalLM": "modeling_phd.PHDForCausalLM",
      ]
      json["model_type"] = .string(ModelDescription.modelType)
      json["base_model_type"] = .string(base)
      json["hidden_decoding"] = hiddenDecoding.json
    } else {
      json["architectures"] = [.string(model.architecture.pretrained.name)]
      json["model_type"] = .string(base)
    }
    let ends = metadata.endOfText.map { JSONValue.integer($0) }
    let fields: [(String, JSONValue?)] = [
      ("vocab_size", .integer(model.vocabularySize)), ("hidden_size", .integer(model.hiddenSize)),
      ("intermediate_size", .integer(model.intermediateSize)), ("num_hidden_layers", .integer(model.layers)),
      ("num_attention_heads", .integer(model.queryHeads)),
      ("num_key_value_heads", .integer(model.keyValueHeads)), ("hidden_act", "silu"),
      ("max_position_embeddings", metadata.maxPositionEmbeddings.map { .integer($0) }),
      ("initializer_range", .number(model.initializerRange)), ("rms_norm_eps", .number(model.rmsNormEpsilon)),
      // `transformers` 5 reads the first, earlier versions the second.
      ("rope_parameters", ["rope_theta": .number(model.ropeTheta), "rope_type": "default"]),
      ("rope_theta", .number(model.ropeTheta)), ("attention_bias", false), ("attention_dropout", 0.0),
      ("tie_word_embeddings", .bool(model.tieWordEmbeddings)),
      ("bos_token_id", metadata.beginOfText.map { .integer($0) } ?? .null),
      ("eos_token_id", ends.count > 1 ? .array(ends) : ends.first ?? .null),
      ("pad_token_id", metadata.padding.map { .integer($0) } ?? .null),
      ("dtype", .string(type == .fp32 ? "float32" : "bfloat16")),
      ("torch_dtype", .string(type == .fp32 ? "float32" : "bfloat16")), ("use_cache", true),
    ]
    for (name, value) in fields { json[name] = value }
    for flag in model.architecture.pretrained.biasFlags { json[flag] = false }
    return .object(json)
  }
}

extension HiddenDecoding {
  /// The `hidden_decoding` section of a configuration, with the keys that the pattern uses.
  public var json: JSONValue {
    var section = JSONValue.Object()
    section["pattern"] = .string(pattern.rawValue)
    section["repeats"] = .integer(repeats)
    if pattern.usesWindow { section["window"] = .integer(window) }
    if let chunk { section["chunk"] = .integer(chunk) }
    return .object(section)
  }
}
