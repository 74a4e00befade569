import Foundation
import HuggingFace
import JSON
import Kernels
import Storage
import TestSupport
import Testing
import Transformer

/// Folders whose files contradict each other: rejected, or resolved as in `transformers` with a note.
@Suite struct ContradictoryFilesTests {
  private static let model = ModelConfiguration(
    architecture: .llama, vocabularySize: 11, hiddenSize: 8, intermediateSize: 12, layers: 1, queryHeads: 2,
    keyValueHeads: 1)
  private static let names = ParameterLayout(model).tensors.map(\.name)
  private static let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]

  /// Writes some tensors of the model. All elements of a tensor are equal.
  private func store(_ names: some Sequence<String>, value: (String) -> Float = { _ in 0.5 }, to path: String) throws {
    let layout = ParameterLayout(ContradictoryFilesTests.model)
    let tensors = try names.map { (name: $0, shape: try #require(layout[$0]).shape) }
    try SafetensorsFile.write(tensors, as: .fp32, to: path) { index, _, floats in
      floats.update(repeating: value(tensors[index].name))
    }
  }

  /// A folder with the model in two files and an index, which may contradict the files.
  private func sharded(_ place: (Int, String) -> String? = { index, _ in shards[index % 2] }) throws -> TemporaryFolder
  {
    let folder = try TemporaryFolder()
    try describe(folder)
    for shard in 0..<2 {
      let names = ContradictoryFilesTests.names.enumerated().filter { $0.offset % 2 == shard }.map(\.element)
      try store(names, to: "\(folder.path)/\(ContradictoryFilesTests.shards[shard])")
    }
    let map = ContradictoryFilesTests.names.enumerated().compactMap { index, name in
      place(index, name).map { JSONValue.Field(name: name, value: .string($0)) }
    }
    let index: JSONValue = ["weight_map": .object(JSONValue.Object(distinct: map))]
    try write(Array(index.compact.utf8), to: "\(folder.path)/model.safetensors.index.json")
    return folder
  }

  private func describe(_ folder: TemporaryFolder, tied: Bool = false, ends: [Int] = [2]) throws {
    var model = ContradictoryFilesTests.model
    model.tieWordEmbeddings = tied
    let description = ModelDescription(
      model: model, hiddenDecoding: .vanilla, metadata: ModelMetadata(endOfText: ends))
    let whole = try TemporaryFolder()
    try PretrainedModel.write(description, as: .fp32, to: whole.path) { _, _, floats in floats.update(repeating: 1) }
    try write(bytes(of: "\(whole.path)/config.json"), to: "\(folder.path)/config.json")
  }

  private func message(_ path: String) -> String {
    do {
      _ = try PretrainedModel(path)
      return "no error"
    } catch let error as StorageError where error.kind == .damaged {
      return error.description
    } catch {
      return "another error: \(error)"
    }
  }

  @Test func `a tied head with other weights is rejected`() throws {
    let folder = try TemporaryFolder()
    try describe(folder, tied: true)
    let path = "\(folder.path)/model.safetensors"
    try store(ContradictoryFilesTests.names, to: path)
    #expect(message(folder.path) == "no error")
    try store(ContradictoryFilesTests.names, value: { $0 == "lm_head.weight" ? 0.25 : 0.5 }, to: path)
    let found = message(folder.path)
    #expect(found.contains("config.json: has \"tie_word_embeddings\": true"), "\(found)")
    #expect(found.contains("0.25 and 0.5"))
    #expect(found.contains("Set tie_word_embeddings to false"))

    let shards = try sharded()
    try describe(shards, tied: true)
    #expect(message(shards.path) == "no error")
    let place = try #require(ContradictoryFilesTests.names.firstIndex(of: "lm_head.weight"))
    let others = ContradictoryFilesTests.names.enumerated().filter { $0.offset % 2 == place % 2 }.map(\.element)
    let shard = "\(shards.path)/\(ContradictoryFilesTests.shards[place % 2])"
    try store(others, value: { $0 == "lm_head.weight" ? .nan : 0.5 }, to: shard)
    #expect(message(shards.path).contains("nan and 0.5"))
  }

  @Test func `import and initialization reject the fixture with an ambiguous head`() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/faults/tied-and-other-head").path
    let output = try TemporaryFolder()
    let outcome = try launch("phd", ["checkpoint", "import", folder, "--to", "\(output.path)/x.h5"])
    #expect(outcome.status == 65 && outcome.output == "", "\(outcome.error)")
    #expect(outcome.error.contains("tie_word_embeddings to false") && outcome.error.contains("lm_head.weight"))
    #expect(!FileManager.default.fileExists(atPath: "\(output.path)/x.h5"))
    try write(
      #"""
      {"model": {"architecture": "llama", "vocab_size": 257, "hidden_size": 32, "intermediate_size": 64,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 10000,
       "tie_word_embeddings": true}, "data": {"train": "none.h5", "sequence_length": 8},
       "training": {"steps": 1, "global_batch_size": 1, "micro_batch_size": 1}}
      """#.utf8, to: "\(output.path)/c.json")
    let dry = try launch("phd-train", ["\(output.path)/c.json", "--initialize-from", folder, "--dry-run"])
    #expect(dry.status == 65 && dry.error.contains("tie_word_embeddings to false"), "\(dry.error)")
  }

  @Test func `the error for a missing head suggests tie_word_embeddings`() throws {
    let folder = try TemporaryFolder()
    try describe(folder)
    try store(ContradictoryFilesTests.names.filter { $0 != "lm_head.weight" }, to: "\(folder.path)/model.safetensors")
    #expect(message(folder.path).contains("has no lm_head.weight"))
    #expect(message(folder.path).contains("\"tie_word_embeddings\": true"))
  }

  @Test func `an index that contradicts the files is rejected`() throws {
    let shards = ContradictoryFilesTests.shards
    let whole = try sharded()
    #expect(message(whole.path) == "no error")
    let swapped = try sharded { index, _ in shards[(index + 1) % 2] }
    #expect(message(swapped.path).contains("index.json: lists"))
    #expect(message(swapped.path).contains("it is in \(shards[0])"))
    let absent = try sharded()
    let names = ContradictoryFilesTests.names.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    try store(names.dropLast(), to: "\(absent.path)/\(shards[1])")
    #expect(message(absent.path).contains("but it is in none of the files"))
    // The same tensor in two files.
    let twice = try sharded()
    try store(names + [ContradictoryFilesTests.names[0]], to: "\(twice.path)/\(shards[1])")
    #expect(message(twice.path).contains("has \(ContradictoryFilesTests.names[0]), which is also in \(shards[0])"))
    // A single file with all tensors, and an index of other files.
    let both = try sharded()
    try store(ContradictoryFilesTests.names, value: { _ in 0.25 }, to: "\(both.path)/model.safetensors")
    #expect(message(both.path).contains("there is also model.safetensors"))
  }

  @Test func `generation_config.json sets the end tokens, and a difference yields a note`() throws {
    let folder = try TemporaryFolder()
    try describe(folder, ends: [2])
    try store(ContradictoryFilesTests.names, to: "\(folder.path)/model.safetensors")
    let path = "\(folder.path)/generation_config.json"
    for (fields, ends, hasNote) in [
      (#""eos_token_id": 2"#, [2], false), (#""eos_token_id": [2]"#, [2], false),
      (#""eos_token_id": null"#, [2], false),
      ("", [2], false), (#""eos_token_id": [7, 2]"#, [2, 7], true), (#""eos_token_id": 5"#, [5], true),
    ] {
      try write(Array("{\(fields)}".utf8), to: path)
      let model = try PretrainedModel(folder.path)
      #expect(model.description.metadata.endOfText == ends, "\(fields)")
      #expect(model.notes.count == (hasNote ? 1 : 0))
      if hasNote { #expect(model.notes[0].contains("generation_config.json") && model.notes[0].contains("[2]")) }
    }
    for text in ["[", "[]", #"{"eos_token_id": -1}"#, #"{"eos_token_id": ["x"]}"#] {
      try write(Array(text.utf8), to: path)
      #expect(message(folder.path).contains("generation_config.json"), "\(text)")
    }
  }

  @Test func `an export rejects a folder with files of another model`() throws {
    let (source, output) = (try TemporaryFolder(), try TemporaryFolder())
    try describe(source)
    try store(ContradictoryFilesTests.names, to: "\(source.path)/model.safetensors")
    let checkpoint = "\(source.path)/x.h5"
    #expect(try launch("phd", ["checkpoint", "import", source.path, "--to", checkpoint]).status == 0)
    let export = ["checkpoint", "export", checkpoint, "--to", output.path]
    // A second export replaces the files of the first.
    for _ in 0..<2 { #expect(try launch("phd", export).status == 0) }
    let config = try bytes(of: "\(output.path)/config.json")
    for name in ["generation_config.json", "tokenizer.json", "model.safetensors.index.json", "modeling_phd.py"] {
      try write(Array("{}".utf8), to: "\(output.path)/\(name)")
      let outcome = try launch("phd", export)
      #expect(outcome.status == 64 && outcome.error.contains(name), "\(outcome.error)")
      #expect(outcome.error.split(separator: "\n").count == 1)
      try FileManager.default.removeItem(atPath: "\(output.path)/\(name)")
    }
    #expect(try bytes(of: "\(output.path)/config.json") == config)
  }
}
