import JSON
import Storage
import Transformer

/// The contents of a Hugging Face model's `config.json`.
public struct ModelDescription: Sendable, Equatable {
  public let model: ModelConfiguration
  /// Vanilla, unless this project wrote the folder.
  public let hiddenDecoding: HiddenDecoding
  public let metadata: ModelMetadata

  public init(model: ModelConfiguration, hiddenDecoding: HiddenDecoding, metadata: ModelMetadata) {
    self.model = model
    self.hiddenDecoding = hiddenDecoding
    self.metadata = metadata
  }

  /// Reads a `config.json` of `transformers` 5 or of earlier versions, which have `rope_theta` at the top level.
  ///
  /// - Throws: `StorageError`: `.missing`; `.damaged` for other files, invalid sizes, and settings that this project does
  ///   not support.
  public init(_ path: String) throws {
    let json = try JSONValue(contentsOf: path)
    guard json.object != nil else { throw StorageError(.damaged, path, "expected a JSON object") }
    self = try DescriptionReader(json: json, path: path).description()
  }

  /// The end-of-text tokens in `generation_config.json`; nil if it contains none.
  ///
  /// - Throws: `StorageError`, `.damaged` for invalid tokens.
  static func endOfText(inGenerationConfiguration path: String) throws -> [Int]? {
    let json = try JSONValue(contentsOf: path)
    guard json.object != nil else { throw StorageError(.damaged, path, "expected a JSON object") }
    let reader = DescriptionReader(json: json, path: path)
    return reader.isGiven("eos_token_id") ? try reader.endOfText() : nil
  }

  /// The same model with other end-of-text tokens.
  func ending(at tokens: [Int]) -> ModelDescription {
    var metadata = metadata
    metadata.endOfText = tokens
    return ModelDescription(model: model, hiddenDecoding: hiddenDecoding, metadata: metadata)
  }

  /// `model_type` in folders that this project writes for patterns with hidden copies.
  static let modelType = "phd_transformer"
}

extension JSONValue {
  /// Reads a JSON file of a model's folder.
  ///
  /// - Throws: `StorageError`, `.damaged` for invalid JSON, and for files of more than 16 MiB.
  init(contentsOf path: String) throws {
    let file = try RandomAccessFile(path)
    guard file.size <= 1 << 24 else {
      throw StorageError(.damaged, path, "has \(file.size) bytes, expected at most 16 MiB")
    }
    do {
      try self.init(parsing: try file.bytes(at: 0, count: file.size))
    } catch let error as JSONError {
      throw StorageError(.damaged, path, "is not JSON: \(error)")
    }
  }
}

/// Reads the fields of a `config.json`.
private struct DescriptionReader {
  let json: JSONValue
  let path: String

  private func damaged(_ message: String) -> StorageError { StorageError(.damaged, path, message) }

  func description() throws -> ModelDescription {
    let (architecture, defaultEpsilon) = try architecture()
    try requireSupported()
    let heads = try size("num_attention_heads", in: widths)
    let model = ModelConfiguration(
      architecture: architecture,
      vocabularySize: try size("vocab_size", in: 1...Int(Int32.max)),
      hiddenSize: try size("hidden_size", in: widths),
      intermediateSize: try size("intermediate_size", in: widths),
      layers: try size("num_hidden_layers", in: 1...4096), queryHeads: heads,
      keyValueHeads: isGiven("num_key_value_heads") ? try size("num_key_value_heads", in: widths) : heads,
      ropeTheta: try ropeTheta(),
      rmsNormEpsilon: try number("rms_norm_eps", default: defaultEpsilon, in: 1e-30...1),
      initializerRange: try number("initializer_range", default: 0.02, in: 0...100),
      tieWordEmbeddings: try flag("tie_word_embeddings"))
    if let fault = model.validationError { throw damaged(fault) }
    if isGiven("head_dim"), json["head_dim"]?.integer != model.headSize {
      throw damaged(
        "head_dim is \(described("head_dim")): heads of another size than hidden_size / num_attention_heads "
          + "(\(model.headSize)) are not supported")
    }
    return ModelDescription(model: model, hiddenDecoding: try hiddenDecoding(), metadata: try metadata())
  }

  /// The architecture, and the default ε of its class in `transformers`.
  private func architecture() throws -> (Architecture, Double) {
    let key = json["model_type"]?.string == ModelDescription.modelType ? "base_model_type" : "model_type"
    guard let architecture = json[key]?.string.flatMap(Architecture.init(rawValue:)) else {
      let supported = Architecture.allCases.map { "\"\($0)\"" }.joined(separator: " and ")
      throw damaged("\(key) is \(described(key)): only \(supported) are supported")
    }
    return (architecture, architecture.pretrained.defaultRMSNormEpsilon)
  }

  /// Rejects settings that this project does not support.
  private func requireSupported() throws {
    for key in ["attention_bias", "mlp_bias"] where try flag(key) {
      throw damaged("\(key) is true: biases are not supported")
    }
    if isGiven("hidden_act"), json["hidden_act"]?.string != "silu" {
      throw damaged("hidden_act is \(described("hidden_act")): only \"silu\" is supported")
    }
    for key in ["sliding_window", "quantization_config", "clip_qkv"] where isGiven(key) {
      throw damaged("\(key) is \(described(key)): not supported")
    }
    if isGiven("layer_types"),
      json["layer_types"]?.array?.allSatisfy({ $0.string == "full_attention" }) != true
    {
      throw damaged("layer_types contains other types than \"full_attention\": not supported")
    }
    for key in ["rope_scaling", "rope_parameters"] where isGiven(key) {
      for field in json[key]?.object?.fields ?? [] {
        switch (field.name, field.value) {
        case ("rope_theta", _), ("rope_type", "default"), ("type", "default"), (_, .null): continue
        case ("partial_rotary_factor", let value) where value.number == 1: continue
        default:
          throw damaged("\(key) has \(field.name) \(field.value.compact): scaled rotary embeddings are not supported")
        }
      }
      if json[key]?.object == nil { throw damaged("\(key) is \(described(key)), expected an object") }
    }
    if isGiven("partial_rotary_factor"), json["partial_rotary_factor"]?.number != 1 {
      throw damaged("partial_rotary_factor is \(described("partial_rotary_factor")): not supported")
    }
  }

  /// At the top level, or in `rope_parameters` (`transformers` 5).
  private func ropeTheta() throws -> Double {
    for key in ["rope_parameters", "rope_scaling"] {
      if let theta = json[key]?["rope_theta"], theta != .null {
        return try checked("\(key).rope_theta", theta.number, in: 1...1e12)
      }
    }
    return try number("rope_theta", default: 10_000, in: 1...1e12)
  }

  /// One token, a list of tokens, or none.
  func endOfText() throws -> [Int] {
    guard case .array(let values)? = json["eos_token_id"] else { return try token("eos_token_id").map { [$0] } ?? [] }
    let ends = values.compactMap(\.integer)
    if ends.count != values.count || ends.count > 1024 || ends.contains(where: { !tokenIDs.contains($0) }) {
      throw damaged("eos_token_id is not a list of token ids")
    }
    return ends
  }

  private func metadata() throws -> ModelMetadata {
    ModelMetadata(
      maxPositionEmbeddings: isGiven("max_position_embeddings")
        ? try size("max_position_embeddings", in: 1...Int(Int32.max)) : nil,
      beginOfText: try token("bos_token_id"), endOfText: try endOfText(), padding: try token("pad_token_id"))
  }

  private func token(_ key: String) throws -> Int? {
    isGiven(key) ? try size(key, in: tokenIDs) : nil
  }

  private func hiddenDecoding() throws -> HiddenDecoding {
    guard json["model_type"]?.string == ModelDescription.modelType, let section = json["hidden_decoding"] else {
      return .vanilla
    }
    guard let pattern = section["pattern"]?.string.flatMap(Pattern.init(rawValue:)) else {
      throw damaged("hidden_decoding.pattern is \(section["pattern"]?.described ?? "missing")")
    }
    func optional(_ key: String) throws -> Int? {
      guard let value = section[key], value != .null else { return nil }
      guard let size = value.integer, (1...Int(Int32.max)).contains(size) else {
        throw damaged("hidden_decoding.\(key) is \(value.described)")
      }
      return size
    }
    let repeats = try optional("repeats") ?? 1
    let (window, chunk) = (try optional("window"), try optional("chunk"))
    if repeats > 4096 { throw damaged("hidden_decoding.repeats is \(repeats)") }
    if let fault = HiddenDecoding.validationError(pattern: pattern, repeats: repeats, window: window, chunk: chunk) {
      throw damaged("hidden_decoding: \(fault)")
    }
    return HiddenDecoding(pattern: pattern, repeats: repeats, window: window, chunk: chunk)
  }

  // MARK: - Fields

  func isGiven(_ key: String) -> Bool { json[key].map { $0 != .null } ?? false }

  private func described(_ key: String) -> String { json[key]?.described ?? "missing" }

  private func size(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    guard let value = json[key]?.integer, range.contains(value) else {
      throw damaged("\(key) is \(described(key)), expected an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func number(_ key: String, default fallback: Double, in range: ClosedRange<Double>) throws -> Double {
    isGiven(key) ? try checked(key, json[key]?.number, in: range) : fallback
  }

  private func checked(_ key: String, _ value: Double?, in range: ClosedRange<Double>) throws -> Double {
    guard let value, range.contains(value) else {
      throw damaged(
        "\(key) is \(value.map { "\($0)" } ?? described(key)), expected a number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return value
  }

  private func flag(_ key: String) throws -> Bool {
    guard isGiven(key) else { return false }
    guard let value = json[key]?.bool else { throw damaged("\(key) is \(described(key)), expected true or false") }
    return value
  }
}

private let widths = 1...1 << 24
/// Valid token ids.
private let tokenIDs = 0...Int(Int32.max)
