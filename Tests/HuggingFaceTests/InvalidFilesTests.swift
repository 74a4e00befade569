import Foundation
import HuggingFace
import JSON
import Kernels
import Storage
import TestSupport
import Testing
import Transformer

/// Inconsistent, truncated and unsupported files yield an error with the reason.
@Suite struct InvalidFilesTests {
  private static let model = ModelConfiguration(
    architecture: .llama, vocabularySize: 11, hiddenSize: 8, intermediateSize: 12, layers: 2, queryHeads: 2,
    keyValueHeads: 1)

  /// A folder with a valid model, which tests then damage.
  private func made(_ type: SafetensorsType = .fp32) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let description = ModelDescription(
      model: InvalidFilesTests.model, hiddenDecoding: .vanilla,
      metadata: ModelMetadata(maxPositionEmbeddings: 64, beginOfText: 1, endOfText: [2, 3]))
    try PretrainedModel.write(description, as: type, to: folder.path) { tensor, rows, floats in
      let first = tensor.range.lowerBound + rows.lowerBound * (floats.count / rows.count)
      for index in floats.indices { floats[index] = Float(first + index) / 64 }
    }
    return folder
  }

  /// Opens a model and reads every weight.
  private func readAll(_ path: String) throws {
    let model = try PretrainedModel(path)
    for tensor in model.layout.tensors {
      let floats = Buffer(count: tensor.range.count)
      try model.read(tensor, 0..<tensor.shape[0], into: floats.floats)
    }
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [SafetensorsType.fp32, .bf16]) func `a written file is read back`(_ type: SafetensorsType) throws {
    let folder = try made(type)
    let model = try PretrainedModel(folder.path)
    #expect(model.description.metadata.endOfText == [2, 3])
    let tensor = try #require(model.layout["model.layers.1.mlp.up_proj.weight"])
    let floats = Buffer(count: 16)
    try model.read(tensor, 3..<5, into: floats.floats)
    for index in 0..<16 {
      let value = Float(tensor.range.lowerBound + 3 * 8 + index) / 64
      #expect(abs(floats.pointer[index] - value) <= (type == .fp32 ? 0 : value / 256))
    }
    // The safetensors file's path is accepted too, if config.json is in the same folder.
    try readAll("\(folder.path)/model.safetensors")
  }

  @Test func `bf16 rounds to nearest, ties to even`() throws {
    let folder = try TemporaryFolder()
    let values: [Float] = [
      1, 1.001, 1.00390625, 1.01171875, -3.3e38, .greatestFiniteMagnitude, .infinity, 0x1p-130, 0, -0.0, .nan,
    ]
    let path = "\(folder.path)/x.safetensors"
    try SafetensorsFile.write([("x", [values.count])], as: .bf16, to: path) { _, rows, floats in
      for (index, row) in rows.enumerated() { floats[index] = values[row] }
    }
    let file = try SafetensorsFile(path)
    let read = Buffer(count: values.count)
    try file.read(try #require(file["x"]), from: 0, into: read.floats)
    let expected: [Float] = [1, 1, 1, 1.015625, -3.3e38, .infinity, .infinity]
    for (index, value) in expected.enumerated() where index != 4 { #expect(read.pointer[index] == value) }
    #expect(abs(read.pointer[4] / values[4] - 1) < 1 / 256.0)
    #expect(read.pointer[7] == values[7] && read.pointer[8].sign == .plus)
    #expect(read.pointer[9].sign == .minus && read.pointer[10].isNaN)
  }

  @Test func `truncated files are rejected`() throws {
    let folder = try made()
    let path = "\(folder.path)/model.safetensors"
    let whole = try bytes(of: path)
    let header = 8 + whole[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    for length in Array(0...header) + [header + 1, whole.count / 2, whole.count - 1] {
      try write(whole[..<length], to: path)
      #expect(throws: StorageError.self) { try readAll(folder.path) }
    }
    try write(whole + [0], to: path)
    #expect(message { try readAll(folder.path) }.contains("its tensors end at byte"))
  }

  @Test(arguments: [
    (#"{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}"#, "overflows"),
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}"#, "have 12 bytes"),
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#, "data_offsets are [16,0]"),
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}}"#, "data_offsets are [-16,0]"),
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,9223372036854775807]}}"#, "16 bytes follow"),
    (#"{"x":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}"#, "shape is not a list of sizes"),
    (#"{"x":{"dtype":"F32","shape":4,"data_offsets":[0,16]}}"#, "shape is not a list of sizes"),
    (#"{"x":{"dtype":"F33","shape":[4],"data_offsets":[0,16]}}"#, #"dtype is the string "F33""#),
    (#"{"x":{"shape":[4],"data_offsets":[0,16]}}"#, "dtype is missing"),
    (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#, "leaves a gap"),
    (
      #"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
      "overlaps"
    ),
    (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "its tensors end at byte"),
    (#"{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"x":1}"#, "occurs twice"),
    (#"{"x":7}"#, "dtype is missing"), (#"[]"#, "not a JSON object"), (#"{"x""#, "not JSON"),
    (String(repeating: "[", count: 5000), "nested deeper"),
  ]) func `inconsistent headers are rejected`(_ header: String, _ expected: String) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/x.safetensors"
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try write(length + Array(header.utf8) + [UInt8](repeating: 0, count: 16), to: path)
    #expect(message { _ = try SafetensorsFile(path) }.contains(expected))
  }

  @Test func `tensor names are compared as bytes`() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/x.safetensors"
    let names = ["\u{e9}", "e\u{301}"]
    try SafetensorsFile.write(names.map { ($0, [2]) }, as: .fp32, to: path) { _, _, floats in
      floats.update(repeating: 1)
    }
    #expect(try SafetensorsFile(path).tensors.map { Array($0.name.utf8) } == names.map { Array($0.utf8) })
  }

  @Test func `headers longer than the file or the limit are rejected`() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/x.safetensors"
    for length in [25, 1 << 40, Int.max] {
      try write(withUnsafeBytes(of: length.littleEndian) { Array($0) } + [UInt8](repeating: 0x20, count: 16), to: path)
      #expect(
        message { _ = try SafetensorsFile(path) }.contains("declares a header of \(length) bytes, but only 16 follow"))
    }
    // A sparse file with the length that its header declares.
    try write(withUnsafeBytes(of: (1 << 36).littleEndian) { Array($0) }, to: path)
    #expect(truncate(path, 1 << 37) == 0)
    #expect(message { _ = try SafetensorsFile(path) }.contains("is not a complete safetensors file"))
  }

  @Test func `damaged files are read or rejected`() throws {
    var random = SplitMix(state: 7)
    let folder = try made(.bf16)
    for name in ["model.safetensors", "config.json"] {
      let path = "\(folder.path)/\(name)"
      let whole = try bytes(of: path)
      // Only the header is damaged: a flipped bit in the weights yields another valid file.
      let header = name == "config.json" ? whole.count : 8 + whole[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      var refused = 0
      for _ in 0..<1000 {
        try write(damaged(Array(whole[..<header]), with: &random) + whole[header...], to: path)
        do {
          try readAll(folder.path)
        } catch is StorageError {
          refused += 1
        }
      }
      #expect(refused > 500, "\(name): \(refused)")
      try write(whole, to: path)
    }
  }

  @Test func `damaged indexes are read or rejected`() throws {
    var random = SplitMix(state: 9)
    let folder = try made()
    let names = ParameterLayout(InvalidFilesTests.model).tensors.map(\.name)
    try FileManager.default.moveItem(
      atPath: "\(folder.path)/model.safetensors", toPath: "\(folder.path)/model-00001-of-00001.safetensors")
    let path = "\(folder.path)/model.safetensors.index.json"
    let map = names.map { "\"\($0)\": \"model-00001-of-00001.safetensors\"" }.joined(separator: ", ")
    let whole = Array(#"{"metadata": {"total_size": 1}, "weight_map": {\#(map)}}"#.utf8)
    try write(whole, to: path)
    try readAll(folder.path)
    for _ in 0..<1000 {
      try write(damaged(whole, with: &random), to: path)
      do { try readAll(folder.path) } catch is StorageError {}
    }
    for file in ["../model.safetensors", "/etc/passwd", "", "none.safetensors"] {
      try write(#"{"weight_map": {"x": "\#(file)"}}"#.utf8, to: path)
      #expect(throws: StorageError.self) { try readAll(folder.path) }
    }
  }

  /// Fields of `config.json`, and a part of the error message.
  @Test(arguments: [
    (#""rope_scaling": {"rope_type": "llama3", "factor": 8.0}"#, "rope_scaling has rope_type"),
    (#""rope_scaling": {"type": "linear", "factor": 2}"#, "rope_scaling has type"),
    (#""rope_parameters": {"rope_theta": 10000, "rope_type": "yarn"}"#, "rope_parameters has rope_type"),
    (#""attention_bias": true"#, "attention_bias"), (#""mlp_bias": true"#, "mlp_bias"),
    (#""head_dim": 16"#, "head_dim is 16"), (#""hidden_act": "gelu""#, "hidden_act"),
    (#""sliding_window": 4096"#, "sliding_window"), (#""layer_types": ["sliding_attention"]"#, "layer_types"),
    (#""quantization_config": {"bits": 4}"#, "quantization_config"), (#""partial_rotary_factor": 0.5"#, "partial"),
    (#""model_type": "mixtral""#, #"model_type is the string "mixtral""#), (#""model_type": null"#, "model_type"),
    (#""vocab_size": 12"#, "expected [12, 8] by config.json"), (#""vocab_size": -1"#, "vocab_size is -1"),
    (#""hidden_size": 1e30"#, "hidden_size"), (#""num_hidden_layers": 5000"#, "num_hidden_layers"),
    (#""num_hidden_layers": 3"#, "has no model.layers.2"), (#""num_hidden_layers": 1"#, "is not a tensor of config"),
    (#""num_attention_heads": 3"#, "must be a multiple of"), (#""num_key_value_heads": 0"#, "num_key_value_heads"),
    (#""tie_word_embeddings": "no""#, "tie_word_embeddings"),
    (#""rope_theta": null, "rope_parameters": 7"#, "rope_p"),
    (#""rms_norm_eps": 0"#, "rms_norm_eps"), (#""eos_token_id": [1, "x"]"#, "eos_token_id"),
    (#""bos_token_id": -1"#, "bos_token_id is -1"), (#""vocab_size": 2147483647, "hidden_size": 16777216"#, "2^42"),
    (#""model_type": "olmo2""#, "is not a tensor of config.json's model"),
  ]) func `unsupported settings are rejected by name`(_ fields: String, _ expected: String) throws {
    let folder = try made()
    let path = "\(folder.path)/config.json"
    var json = try #require(try JSONValue(parsing: try bytes(of: path)).object)
    for field in try #require(try JSONValue(parsing: "{\(fields)}").object).fields { json[field.name] = field.value }
    try write(JSONValue.object(json).compact.utf8, to: path)
    let message = message { try readAll(folder.path) }
    #expect(message.contains(expected), "\(message)")
  }

  @Test func `rope_theta is read from the places of transformers 4 and 5, with their defaults`() throws {
    let folder = try made()
    let path = "\(folder.path)/config.json"
    let whole = try #require(try JSONValue(parsing: try bytes(of: path)).object)
    func theta(_ change: (inout JSONValue.Object) -> Void) throws -> Double {
      var json = whole
      (json["rope_theta"], json["rope_parameters"]) = (nil, nil)
      change(&json)
      try write(JSONValue.object(json).compact.utf8, to: path)
      return try PretrainedModel(folder.path).description.model.ropeTheta
    }
    #expect(try theta { $0["rope_theta"] = 777.0 } == 777)
    #expect(try theta { $0["rope_parameters"] = ["rope_theta": 888.0, "rope_type": "default"] } == 888)
    #expect(
      try theta {
        $0["rope_theta"] = nil
        $0["rope_scaling"] = nil
      } == 10_000)
    var json = whole
    for name in ["rms_norm_eps", "num_key_value_heads", "initializer_range", "tie_word_embeddings"] { json[name] = nil }
    json["num_key_value_heads"] = 1
    try write(JSONValue.object(json).compact.utf8, to: path)
    #expect(try PretrainedModel(folder.path).description.model.rmsNormEpsilon == 1e-6)
  }

  /// Compares greedy text and logits of real weights with those of an independent program.
  @Test(.enabled(if: shared("data/weights/golden.json") != nil, Comment(rawValue: sharedIsMissing)))
  func `greedy text and logits of stories260K equal those of an independent program`() throws {
    let golden = try JSONValue(parsing: try bytes(of: try #require(shared("data/weights/golden.json"))))["stories260K"]
    let folder = try TemporaryFolder()
    let checkpoint = "\(folder.path)/stories.h5"
    let source = try #require(shared("data/weights/stories260K"))
    #expect(try launch("phd", ["checkpoint", "import", source, "--to", checkpoint]).status == 0)
    let ids = (golden?["greedy_ids"]?.array ?? []).compactMap(\.integer)
    #expect(ids.count == 101)
    let outcome = try launch(
      "phd",
      ["generate", "--checkpoint", checkpoint, "--tokens", "1", "--greedy", "--max-new-tokens", "100", "--json"])
    let report = try JSONValue(parsing: outcome.output)
    #expect([1] + (report["tokens"]?.array ?? []).compactMap(\.integer) == ids)
    let losses = (report["logprobs"]?.array ?? []).compactMap(\.number)
    let expected = try #require(golden?["mean_nll_of_greedy_ids"]?.number)
    #expect(abs(-losses.reduce(0, +) / Double(losses.count) - expected) < 1e-4 * expected)

    let model = try PretrainedModel(source)
    let parameters = Buffer(count: model.layout.count)
    for tensor in model.layout.tensors {
      try model.read(tensor, 0..<tensor.shape[0], into: parameters[tensor.range])
    }
    let shape = PassShape(
      model: model.description.model, hiddenDecoding: .vanilla, sequences: 1, positions: ids.count)
    let pass = ModelPass(shape, layout: model.layout, trains: false, on: ThreadTeam())
    (ids.map { Int32($0) } + [0]).withUnsafeBufferPointer {
      pass.logits(parameters: parameters.pointer, tokens: SequenceTokens($0)) { first, logits in
        for (key, row) in [("logits_at_pos0_first8", 0), ("logits_at_last_first8", ids.count - 1)] {
          guard (first..<first + logits.rows).contains(row) else { continue }
          for (column, value) in (golden?[key]?.array ?? []).enumerated() {
            let got = Double(logits.pointer[(row - first) * logits.stride + column])
            #expect(abs(got - (value.number ?? .nan)) < 1e-3, "\(key) \(column)")
          }
        }
      }
    }
  }
}
