import JSON
import Transformer

/// The configuration of a run: JSON, read and checked, with defaults filled in.
///
/// `docs/configuration.md` is generated from the declarations in the extensions of this type.
public struct RunConfiguration: Sendable, Equatable {
  /// The name of the run and of its folder.
  public let name: String
  /// The seed of the initial weights and of the order of the samples.
  public let seed: Int
  public let model: ModelConfiguration
  public let metadata: ModelMetadata
  public let hiddenDecoding: HiddenDecoding
  public let data: DataSection
  public let training: TrainingSection
  public let optimizer: OptimizerSection
  public let schedule: ScheduleSection
  public let checkpoint: CheckpointSection
  public let validation: ValidationSection
  public let log: LogSection
  /// The complete configuration: every key that applies, in the order of the reference. Reading it returns an equal
  /// value.
  public let resolved: JSONValue

  /// `<checkpoint.directory>/<name>`: the folder of the run's checkpoints and its log.
  public var runFolder: String {
    checkpoint.directory.hasSuffix("/") ? checkpoint.directory + name : "\(checkpoint.directory)/\(name)"
  }

  /// Reads a configuration's text.
  ///
  /// - Parameters:
  ///   - text: JSON.
  ///   - file: the path of the text, for messages. Its base name is the default of `name`.
  ///   - overrides: each `KEY=VALUE`, with a dotted path and JSON or a bare string. Later ones win.
  /// - Throws: ``ConfigurationError`` for the first error.
  public init(text: String, file: String, overrides: [String] = []) throws(ConfigurationError) {
    let json: JSONValue
    do {
      json = try JSONValue(parsing: text)
    } catch {
      throw ConfigurationError("\(file): not JSON, \(error)")
    }
    try self.init(json: json, file: file, overrides: overrides)
  }

  /// Reads a configuration from parsed JSON, for example that of a checkpoint.
  ///
  /// - Throws: ``ConfigurationError`` for the first error.
  public init(json: JSONValue, file: String, overrides: [String] = []) throws(ConfigurationError) {
    guard var root = json.object else {
      throw ConfigurationError("\(file): a configuration must be a JSON object, not \(json.described)")
    }
    let names = ConfigurationReference.names
    var parsed: [ConfigurationOverride] = []
    // Report an unknown key in the file even if an override hides it.
    try names.check(root, reader: ConfigurationReader(root, file: file, overrides: []))
    for argument in overrides {
      let override = try ConfigurationOverride(parsing: argument)
      try override.apply(to: &root, names: names)
      parsed.append(override)
    }
    let reader = ConfigurationReader(root, file: file, overrides: parsed)
    try names.check(root, reader: reader)
    try self.init(reader)
    // The invalid combination may involve keys of the file and of overrides.
    let place = overrides.isEmpty ? file : "\(file) with --set"
    if let error = validationError { throw ConfigurationError("\(place): \(error)") }
  }

  /// Reads every key in the order of the reference. ``validationError`` checks combinations of keys.
  init(_ reader: ConfigurationReader) throws(ConfigurationError) {
    let top = reader.topLevel
    let fileName = RunConfiguration.baseName(of: reader.file)
    name = try top.string(
      "name", "a folder's name: 1 to 200 bytes, without \"/\" and control characters, not \".\" or \"..\"",
      default: RunConfiguration.isFolderName(fileName) ? fileName : nil,
      note: "the configuration file's name without `.json`", where: RunConfiguration.isFolderName,
      "The run's name. Its folder is `<checkpoint.directory>/<name>/`.")
    seed = try top.integer(
      "seed", locked: true, default: 0, in: 0...Int.max,
      "The seed of the initial weights and of the order of the samples.")
    (model, metadata, hiddenDecoding) = try RunConfiguration.model(reader)
    data = try DataSection(reader.section("data", "The corpora, and how they are split into samples."))
    training = try TrainingSection(
      reader.section("training", "The length of the run, its batches, and how it is computed."))
    optimizer = try OptimizerSection(
      reader.section("optimizer", "AdamW with bias correction and decoupled weight decay."))
    schedule = try ScheduleSection(
      reader.section(
        "schedule", "The learning rate as a function of the step: a linear warm-up, followed by one of three kinds."))
    checkpoint = try CheckpointSection(reader.section("checkpoint", "Where and how often the run is saved."))
    validation = try ValidationSection(
      reader.section(
        "validation", "How often the loss on `data.validation` and the benchmarks are measured, and on how many items.")
    )
    log = try LogSection(reader.section("log", "The loss log, `log.jsonl` in the run's folder."))
    resolved = .object(reader.resolved)
  }

  /// Reads the sections that describe the model.
  static func model(
    _ reader: ConfigurationReader
  ) throws(ConfigurationError) -> (ModelConfiguration, ModelMetadata, HiddenDecoding) {
    let model = try reader.section(
      "model", "The architecture of the transformer and its sizes, with Hugging Face's names.")
    let hiddenDecoding = try reader.section(
      "hidden_decoding",
      "How often each token is repeated, and which copies attend to which (arXiv 2504.14992). Without this section, "
        + "the model is a plain transformer.")
    return (try ModelConfiguration(model), try ModelMetadata(model), try HiddenDecoding(hiddenDecoding))
  }

  /// The last component of a path, without `.json`.
  static func baseName(of file: String) -> String {
    let last = file.split(separator: "/").last.map(String.init) ?? ""
    return last.hasSuffix(".json") ? String(last.dropLast(5)) : last
  }

  static func isFolderName(_ name: String) -> Bool {
    (1...200).contains(name.utf8.count) && name != "." && name != ".."
      && !name.unicodeScalars.contains { $0 == "/" || $0.value < 0x20 || $0.value == 0x7f }
  }

  /// Whether a text can be a path: not empty, and without a null character.
  static func isPath(_ path: String) -> Bool { !path.isEmpty && !path.unicodeScalars.contains("\0") }
}
