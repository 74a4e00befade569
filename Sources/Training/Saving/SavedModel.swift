import HuggingFace
import JSON
import Transformer

/// What a checkpoint's configuration says of its model: all that is needed to use its weights.
///
/// A run's checkpoint has the run's whole configuration; one that was imported has the model's sections alone.
public struct SavedModel: Sendable {
  public let name: String
  public let description: ModelDescription
  /// Of the samples that it was trained on.
  public let sequenceLength: Int?
  /// Its training run's, where there was one.
  public let run: RunConfiguration?

  /// Whether the documents of the samples that it was trained on were apart.
  public var documentMask: Bool { run?.data.documentMask ?? false }

  /// What other programs are told: where nobody has said how long a text may be, what the samples were, and where
  /// nobody has said what ends one, the corpora's end of a document.
  public func exported(_ tokenizer: TokenizerIdentity) -> ModelDescription {
    var metadata = description.metadata
    if metadata.maxPositionEmbeddings == nil { metadata.maxPositionEmbeddings = sequenceLength }
    if metadata.endOfText.isEmpty, let end = tokenizer.endOfDocument, end < model.vocabularySize {
      metadata.endOfText = [end]
    }
    return ModelDescription(model: model, hiddenDecoding: hiddenDecoding, metadata: metadata)
  }

  public var model: ModelConfiguration { description.model }
  public var hiddenDecoding: HiddenDecoding { description.hiddenDecoding }

  /// - Throws: ``ConfigurationError``.
  init(_ json: JSONValue, file: String) throws(ConfigurationError) {
    guard let root = json.object else {
      throw ConfigurationError("\(file): a configuration must be a JSON object, not \(json.described)")
    }
    if root["training"] != nil || root["data"] != nil {
      let run = try RunConfiguration(json: json, file: file)
      name = run.name
      description = ModelDescription(model: run.model, hiddenDecoding: run.hiddenDecoding, metadata: run.metadata)
      sequenceLength = run.data.sequenceLength
      self.run = run
      return
    }
    let reader = ConfigurationReader(root, file: file, overrides: [])
    try ConfigurationReference.names.check(root, reader: reader)
    let (model, metadata, hiddenDecoding) = try RunConfiguration.model(reader)
    if let fault = model.fault { throw ConfigurationError("\(file): model: \(fault)") }
    name = root["name"]?.string ?? RunConfiguration.baseName(of: file)
    description = ModelDescription(model: model, hiddenDecoding: hiddenDecoding, metadata: metadata)
    sequenceLength = nil
    run = nil
  }

  /// The configuration of a checkpoint with nothing but a model.
  public static func configuration(of description: ModelDescription, name: String) -> JSONValue {
    let (model, metadata) = (description.model, description.metadata)
    let ends = metadata.endOfText.map { JSONValue.integer($0) }
    var json = JSONValue.Object()
    json["name"] = .string(name)
    json["model"] = [
      "architecture": .string(model.architecture.rawValue), "vocab_size": .integer(model.vocabularySize),
      "hidden_size": .integer(model.hiddenSize), "intermediate_size": .integer(model.intermediateSize),
      "num_hidden_layers": .integer(model.layers), "num_attention_heads": .integer(model.queryHeads),
      "num_key_value_heads": .integer(model.keyValueHeads), "rope_theta": .number(model.ropeTheta),
      "rms_norm_eps": .number(model.rmsNormEpsilon), "initializer_range": .number(model.initializerRange),
      "tie_word_embeddings": .bool(model.tieWordEmbeddings),
      "max_position_embeddings": metadata.maxPositionEmbeddings.map { .integer($0) } ?? .null,
      "bos_token_id": metadata.beginOfText.map { .integer($0) } ?? .null,
      "eos_token_id": ends.count > 1 ? .array(ends) : ends.first ?? .null,
      "pad_token_id": metadata.padding.map { .integer($0) } ?? .null,
    ]
    if description.hiddenDecoding.pattern != .vanilla {
      json["hidden_decoding"] = description.hiddenDecoding.json
    }
    return .object(json)
  }
}
