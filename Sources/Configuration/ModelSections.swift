import JSON
import Transformer

/// The sections of a configuration that describe a model, without those of a run: what an imported model's file has.
public struct ModelSections: Sendable {
  public let name: String
  public let model: ModelConfiguration
  public let metadata: ModelMetadata
  public let hiddenDecoding: HiddenDecoding

  /// - Parameter file: where the JSON is from: messages name it, and its base name is the default of `name`.
  /// - Throws: ``ConfigurationError`` at the first thing that is wrong.
  public init(_ json: JSONValue, file: String) throws(ConfigurationError) {
    guard let root = json.object else {
      throw ConfigurationError("\(file): a configuration must be a JSON object, not \(json.described)")
    }
    let reader = ConfigurationReader(root, file: file, overrides: [])
    try ConfigurationReference.names.check(root, reader: reader)
    (model, metadata, hiddenDecoding) = try RunConfiguration.model(reader)
    if let error = model.validationError { throw ConfigurationError("\(file): model: \(error)") }
    name = root["name"]?.string ?? RunConfiguration.baseName(of: file)
  }
}
