import JSON
import Transformer

/// Everything a run is told: a JSON configuration, read, checked, and with its defaults filled in.
///
/// `docs/configuration.md` is generated from the declarations in the extensions of this type.
public struct RunConfiguration: Sendable, Equatable {
  /// The run's name, and its folder's.
  public let name: String
  /// What the initial weights and the order of the samples follow from.
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
  /// The complete configuration, every key that applies in the reference's order: read again, it gives an equal one.
  public let resolved: JSONValue

  /// `<checkpoint.directory>/<name>`: where the run's checkpoints and its log lie.
  public var runFolder: String {
    checkpoint.directory.hasSuffix("/") ? checkpoint.directory + name : "\(checkpoint.directory)/\(name)"
  }

  /// Reads a configuration's text.
  ///
  /// - Parameters:
  ///   - text: JSON.
  ///   - file: where the text is from: messages name it, and its base name is the default of `name`.
  ///   - overrides: `KEY=VALUE` each, KEY a dotted path, VALUE JSON or a bare string; later ones win.
  /// - Throws: ``ConfigurationError`` at the first thing that is wrong.
  public init(text: String, file: String, overrides: [String] = []) throws(ConfigurationError) {
    let json: JSONValue
    do {
      json = try JSONValue(parsing: text)
    } catch {
      throw ConfigurationError("\(file): not JSON, \(error)")
    }
    try self.init(json: json, file: file, overrides: overrides)
  }

  /// Reads a configuration that is JSON already: a checkpoint's, for example.
  ///
  /// - Throws: ``ConfigurationError`` at the first thing that is wrong.
  public init(json: JSONValue, file: String, overrides: [String] = []) throws(ConfigurationError) {
    guard var root = json.object else {
      throw ConfigurationError("\(file): a configuration must be a JSON object, not \(json.described)")
    }
    let names = ConfigurationReference.names
    var parsed: [ConfigurationOverride] = []
    // What the file says wrong is the file's fault, even where an override would hide it.
    try names.check(root, reader: ConfigurationReader(root, file: file, overrides: []))
    for argument in overrides {
      let override = try ConfigurationOverride(parsing: argument)
      try override.apply(to: &root, names: names)
      parsed.append(override)
    }
    let reader = ConfigurationReader(root, file: file, overrides: parsed)
    try names.check(root, reader: reader)
    try self.init(reader)
    // The keys that do not go together may be the file's and overrides'.
    let place = overrides.isEmpty ? file : "\(file) with --set"
    if let error = validationError { throw ConfigurationError("\(place): \(error)") }
  }

  /// Reads every key in the order of the reference. What one key demands of another is for ``validationError`` to say.
  init(_ reader: ConfigurationReader) throws(ConfigurationError) {
    let top = reader.topLevel
    let fileName = RunConfiguration.baseName(of: reader.file)
    name = try top.string(
      "name", "a folder's name: 1 to 200 bytes, without \"/\" and control characters, not \".\" or \"..\"",
      default: RunConfiguration.isFolderName(fileName) ? fileName : nil,
      note: "the configuration file's name without `.json`", where: RunConfiguration.isFolderName,
      "The run's name: it lives in the folder `<checkpoint.directory>/<name>/`.")
    seed = try top.integer(
      "seed", locked: true, default: 0, in: 0...Int.max,
      "What the initial weights and the order of the samples follow from.")
    (model, metadata, hiddenDecoding) = try RunConfiguration.model(reader)
    data = try DataSection(reader.section("data", "The corpora, and how they are cut into samples."))
    training = try TrainingSection(
      reader.section("training", "The run: how long, in which batches, and how it is computed."))
    optimizer = try OptimizerSection(
      reader.section("optimizer", "AdamW with bias correction and decoupled weight decay."))
    schedule = try ScheduleSection(
      reader.section(
        "schedule", "The learning rate as a function of the step: a linear warm-up, and then one of three kinds."))
    checkpoint = try CheckpointSection(reader.section("checkpoint", "Where the run is saved, and how often."))
    validation = try ValidationSection(
      reader.section(
        "validation", "How often the loss on `data.validation`, and benchmarks, are measured, and on how much of them.")
    )
    log = try LogSection(reader.section("log", "The loss log, `log.jsonl` in the run's folder."))
    resolved = .object(reader.resolved)
  }

  /// The sections that say what the model is.
  static func model(
    _ reader: ConfigurationReader
  ) throws(ConfigurationError) -> (ModelConfiguration, ModelMetadata, HiddenDecoding) {
    let model = try reader.section(
      "model", "How the transformer's blocks are put together, and their sizes, under Hugging Face's names.")
    let hiddenDecoding = try reader.section(
      "hidden_decoding",
      "How often each token is repeated, and which copies see what (arXiv 2504.14992). Left out, the model is the "
        + "plain transformer.")
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

  /// A file system's path: not empty, and without the character that ends one in C.
  static func isPath(_ path: String) -> Bool { !path.isEmpty && !path.unicodeScalars.contains("\0") }
}
