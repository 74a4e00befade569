import JSON
import Transformer

/// The sections of a configuration that describe a model: the configuration of an imported checkpoint.
public struct ModelSections: Sendable {
  public let name: String
  public let model: ModelConfiguration
  public let metadata: ModelMetadata
  public let hiddenDecoding: HiddenDecoding

  /// - Parameter file: the path of the JSON, for messages. Its base name is the default of `name`.
  /// - Throws: ``ConfigurationError`` for the first error.
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
