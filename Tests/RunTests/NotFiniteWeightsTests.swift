import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// A model with a NaN weight: every program that reads it reports the weight, and none computes with it.
@Suite(.serialized) struct NotFiniteWeightsTests {
  private static let folder = fixtures.appending(path: "faults/nan-weight").path

  /// The tensor with the NaN weight.
  private static let tensor = "model.norm.weight"

  /// A workspace with the model `nan.h5`, and a corpus and a benchmark of bytes.
  private func workspace() throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    let imported = try workspace.phd("checkpoint", "import", NotFiniteWeightsTests.folder, "--to", "nan.h5")
    #expect(imported.status == 0)
    #expect(
      imported.error.contains(
        "warning: \(NotFiniteWeightsTests.folder): \(NotFiniteWeightsTests.tensor) has nan at element"),
      "\(imported.error)")
    try workspace.write(String(repeating: "The fox and the hen. ", count: 20), to: "t.txt")
    #expect(try workspace.phd("corpus", "build", "t.txt", "--output", "b.h5", "--tokenizer", "bytes").status == 0)
    try workspace.write(#"{"goal":"See","sol1":"The hen.","sol2":"hens the","label":0}"# + "\n", to: "piqa.jsonl")
    return workspace
  }

  @Test func `import and export warn, verify refuses, and computations end with status 70`() throws {
    let workspace = try workspace()
    try expectError(
      try workspace.phd("checkpoint", "verify", "nan.h5"), 65, naming: ["nan.h5", NotFiniteWeightsTests.tensor, "nan"])
    let exported = try workspace.phd("checkpoint", "export", "nan.h5", "--to", "out")
    #expect(exported.status == 0)
    #expect(exported.error.contains("\(NotFiniteWeightsTests.tensor) has nan"), "\(exported.error)")

    let verify = "phd checkpoint verify"
    func fails(_ arguments: String..., naming names: [String], ranks: Int? = nil) throws {
      let outcome = try launch(
        "phd", arguments, ranks: ranks, environment: TestWorkspace.environment, directory: workspace.path)
      try expectError(outcome, 70, naming: names)
      #expect(outcome.output == "", "\(outcome.output)")
    }
    let generate = ["generate", "--checkpoint", "nan.h5", "--max-new-tokens", "3"]
    for arguments in [["--tokens", "1,2"], ["--tokens", "1,2", "--json"], ["--tokens", "1,2", "--greedy"]] {
      let outcome = try launch("phd", generate + arguments, directory: workspace.path)
      try expectError(outcome, 70, naming: ["prompt 1, after 2 tokens", "not finite", verify])
      #expect(outcome.output == "")
    }
    for ranks in [nil, 2] {
      try fails(
        "evaluate", "loss", "--checkpoint", "nan.h5", "--corpus", "b.h5", "--sequence-length", "16",
        naming: ["sample 0 of b.h5", "nan", verify], ranks: ranks)
      try fails(
        "evaluate", "tasks", "--checkpoint", "nan.h5", "--tasks", "piqa.jsonl", "--tokenizer", "bytes",
        naming: ["piqa.jsonl", "nan"], ranks: ranks)
    }
    try fails(
      "inspect", "copies", "--checkpoint", "nan.h5", "--corpus", "b.h5", "--sequence-length", "16",
      naming: ["copy 1 on b.h5", "nan", verify])
  }

  @Test(arguments: [nil, 2]) func `a run does not start from such weights`(ranks: Int?) throws {
    let workspace = try workspace()
    let model = [
      "model.architecture=llama", "model.vocab_size=257", "model.hidden_size=32", "model.intermediate_size=64",
      "model.num_attention_heads=4", "model.num_key_value_heads=2", "model.rope_theta=10000", "data.train=b.h5",
      "data.validation={}",
    ].flatMap { ["--set", $0] }
    for source in ["nan.h5", NotFiniteWeightsTests.folder] {
      let outcome = try workspace.train(model + ["--initialize-from", source], ranks: ranks)
      try expectError(outcome, 70, naming: [source, NotFiniteWeightsTests.tensor, "nan at element"])
      #expect(workspace.run().checkpoints == [])
    }
  }
}
