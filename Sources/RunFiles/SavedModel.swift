import Configuration
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
    if json["training"] != nil || json["data"] != nil {
      let run = try RunConfiguration(json: json, file: file)
      name = run.name
      description = ModelDescription(model: run.model, hiddenDecoding: run.hiddenDecoding, metadata: run.metadata)
      sequenceLength = run.data.sequenceLength
      self.run = run
      return
    }
    let sections = try ModelSections(json, file: file)
    name = sections.name
    description = ModelDescription(
      model: sections.model, hiddenDecoding: sections.hiddenDecoding, metadata: sections.metadata)
    sequenceLength = nil
    run = nil
  }

  /// The configuration of a checkpoint with nothing but a model.
  public static func configuration(of description: ModelDescription, name: String) -> JSONValue {
    let (model, metadata) = (description.model, description.metadata)
    let ends = metadata.endOfText.map { JSONValue.integer($0) }
    var json = JSONValue.Object()
    json["name"] = .string(name)
    var section = JSONValue.Object()
    for field in model.fields { section[field.key] = JSONValue(field.value) }
    section["max_position_embeddings"] = metadata.maxPositionEmbeddings.map { .integer($0) } ?? .null
    section["bos_token_id"] = metadata.beginOfText.map { .integer($0) } ?? .null
    section["eos_token_id"] = ends.count > 1 ? .array(ends) : ends.first ?? .null
    section["pad_token_id"] = metadata.padding.map { .integer($0) } ?? .null
    json["model"] = .object(section)
    if description.hiddenDecoding.pattern.hasHiddenCopies {
      json["hidden_decoding"] = description.hiddenDecoding.json
    }
    return .object(json)
  }
}
