import Configuration
import HuggingFace
import JSON
import Transformer

/// The model in a checkpoint's configuration: everything that is needed to use its weights.
///
/// A run's checkpoint has the run's whole configuration; an imported one has only the sections of the model.
public struct SavedModel: Sendable {
  public let name: String
  public let description: ModelDescription
  /// Length of the samples that it was trained on; nil if it is not from a run.
  public let sequenceLength: Int?
  /// The configuration of its training run; nil if it is not from a run.
  public let run: RunConfiguration?

  /// Whether it was trained with a document mask.
  public var documentMask: Bool { run?.data.documentMask ?? false }

  /// The description for an export. If the configuration does not set them, the longest text is the sample length, and
  /// the end of text is the corpora's end-of-document token.
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

  /// The configuration of a checkpoint that has only a model.
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
