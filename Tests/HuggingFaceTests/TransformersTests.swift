import Foundation
import HuggingFace
import JSON
import Kernels
import RunFiles
import Storage
import TestSupport
import Testing
import Training
import Transformer

/// Imports models from `transformers`, exports them, and compares the results on both sides.
@Suite(.serialized, .enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
struct TransformersTests {
  private static let made = Result { () throws -> TemporaryFolder in
    let folder = try TemporaryFolder()
    try Peers.run("huggingface.py", ["make", folder.path])
    return folder
  }

  static let names = ["olmo2", "llama"].flatMap { name in ["float32", "bfloat16", "float16"].map { "\(name)-\($0)" } }

  /// Patterns for the weights of a vanilla model. The sequences are longer than a chunk, and windows cross its end.
  static let patterns: [HiddenDecoding] = [
    HiddenDecoding(pattern: .phd, repeats: 3), HiddenDecoding(pattern: .swa, repeats: 2, window: 5),
    HiddenDecoding(pattern: .cswa, repeats: 3, window: 4, chunk: 6),
    HiddenDecoding(pattern: .cswa, repeats: 2, window: 16, chunk: 4), HiddenDecoding(pattern: .naive, repeats: 2),
  ]

  private static let sequences: [[Int]] = [37, 12, 5].map { length in
    (0..<length).map { (($0 + length) * ($0 + 5) * 31 + $0 * 7) % 97 }
  }
  private static let newTokens = 15

  @Test func `transformers computes the same logits and text after import and export`() throws {
    let made = try TransformersTests.made.get().path
    let folder = try TemporaryFolder()
    var jobs: [(folder: String, checkpoint: String, description: ModelDescription)] = []
    for name in TransformersTests.names {
      let checkpoint = "\(folder.path)/\(name).h5"
      let outcome = try launch("phd", ["checkpoint", "import", "\(made)/\(name)", "--to", checkpoint])
      #expect(outcome.status == 0, "\(outcome.error)")
      let printed = try JSONValue(parsing: outcome.output)
      #expect(printed["model"]?["eos_token_id"] == [5, 7] && printed["model"]?["max_position_embeddings"] == 777)
      let original = try PretrainedModel("\(made)/\(name)")
      #expect(original.description.model.ropeTheta == 20000)
      jobs.append(("\(made)/\(name)", checkpoint, original.description))
      let exported = "\(folder.path)/\(name)-again"
      let type = name.hasSuffix("bfloat16") ? "bf16" : "fp32"
      #expect(try launch("phd", ["checkpoint", "export", checkpoint, "--to", exported, "--dtype", type]).status == 0)
      try expectSame(original, try PretrainedModel(exported))
      jobs.append((exported, checkpoint, original.description))
    }
    for architecture in Architecture.allCases {
      let vanilla = "\(folder.path)/\(architecture.rawValue)-float32.h5"
      for (index, decoding) in TransformersTests.patterns.enumerated() {
        let checkpoint = "\(folder.path)/\(architecture.rawValue)-\(index).h5"
        let description = try repeated(vanilla, decoding, to: checkpoint)
        let exported = "\(folder.path)/\(architecture.rawValue)-\(index)"
        #expect(try launch("phd", ["checkpoint", "export", checkpoint, "--to", exported]).status == 0)
        let again = try PretrainedModel(exported)
        #expect(again.description == description)
        jobs.append((exported, checkpoint, description))
      }
    }

    let sequences = JSONValue.array(TransformersTests.sequences.map { .array($0.map { .integer($0) }) })
    let list = jobs.map { job -> JSONValue in
      ["folder": .string(job.folder), "sequences": sequences, "new_tokens": .integer(TransformersTests.newTokens)]
    }
    try write(JSONValue.array(list).compact.utf8, to: "\(folder.path)/jobs.json")
    try Peers.run("huggingface.py", ["run", "\(folder.path)/jobs.json", "\(folder.path)/out.json"])
    let results = try JSONValue(parsing: try bytes(of: "\(folder.path)/out.json")).array ?? []
    #expect(results.count == jobs.count)
    for (job, result) in zip(jobs, results) { try compare(result, job.checkpoint, job.description) }
  }

  /// Writes a checkpoint with the same weights and hidden copies.
  private func repeated(_ vanilla: String, _ decoding: HiddenDecoding, to path: String) throws -> ModelDescription {
    let report = try CheckpointReport(vanilla)
    let old = report.saved.description
    let description = ModelDescription(model: old.model, hiddenDecoding: decoding, metadata: old.metadata)
    let layout = ParameterLayout(old.model)
    try report.checkpoint.withWeights(layout) { read in
      try Checkpoint.writeWeights(
        layout, configuration: SavedModel.configuration(of: description, name: "repeated"), to: path
      ) { tensor, floats in try read(tensor, 0..<tensor.shape[0], floats) }
    }
    return description
  }

  /// Checks that the descriptions and the bits of all weights are equal.
  private func expectSame(_ one: PretrainedModel, _ other: PretrainedModel) throws {
    #expect(one.description == other.description)
    for tensor in one.layout.tensors {
      let (a, b) = (Buffer(count: tensor.range.count), Buffer(count: tensor.range.count))
      try one.read(tensor, 0..<tensor.shape[0], into: a.floats)
      try other.read(tensor, 0..<tensor.shape[0], into: b.floats)
      #expect(a.floats.map(\.bitPattern) == b.floats.map(\.bitPattern), "\(tensor.name)")
      #expect(a.floats.contains { $0 != a.floats[0] })
    }
  }

  private func compare(_ result: JSONValue, _ checkpoint: String, _ description: ModelDescription) throws {
    let name = "\(checkpoint) \(description.hiddenDecoding.name)"
    let expectedClass =
      description.hiddenDecoding.pattern != .vanilla
      ? "PHDForCausalLM" : description.model.architecture == .olmo2 ? "Olmo2ForCausalLM" : "LlamaForCausalLM"
    #expect(result["class"]?.string == expectedClass)
    let (layout, parameters) = try CheckpointReport(checkpoint).readWeights()
    for (index, tokens) in TransformersTests.sequences.enumerated() {
      let shape = PassShape(
        model: description.model, hiddenDecoding: description.hiddenDecoding, sequences: 1, positions: tokens.count)
      let pass = ModelPass(shape, layout: layout, trains: false, on: ThreadTeam())
      let theirs = result["logits"]?.array?[index].array ?? []
      #expect(theirs.count == tokens.count)
      var (difference, size) = (0.0, 0.0)
      (tokens.map { Int32($0) } + [0]).withUnsafeBufferPointer {
        pass.logits(parameters: parameters.pointer, tokens: SequenceTokens($0)) { first, logits in
          for row in 0..<logits.rows {
            for (column, value) in (theirs[first + row].array ?? []).enumerated() {
              let expected = value.number ?? .nan
              let distance = Double(logits.pointer[row * logits.stride + column]) - expected
              (difference, size) = (difference + distance * distance, size + expected * expected)
            }
          }
        }
      }
      #expect(difference.squareRoot() < 1e-4 * size.squareRoot(), "\(name): \((difference / size).squareRoot())")
      let outcome = try launch(
        "phd",
        [
          "generate", "--checkpoint", checkpoint, "--tokens", tokens.map { "\($0)" }.joined(separator: ","), "--greedy",
          "--max-new-tokens", "\(TransformersTests.newTokens)", "--json", "--ignore-eos",
        ])
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(try JSONValue(parsing: outcome.output)["tokens"] == result["generated"]?.array?[index], "\(name)")
    }
  }
}
