import Foundation
import JSON
import TestSupport
import Testing
import Training

/// Import, export and training of Hugging Face models of both architectures.
@Suite(.serialized) struct PretrainedTests {
  private static let llama = ["--set", "model.architecture=llama"]
  private static let vanilla = ["--set", "hidden_decoding=null"]

  @Test func `a Llama model learns, and its resume equals an uninterrupted run`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(PretrainedTests.llama, name: "straight").status == 0)
    #expect(try workspace.train(PretrainedTests.llama + ["--stop-after", "7"]).status == 0)
    let last = try workspace.train(
      PretrainedTests.llama + ["--set", "training.recompute=block", "--set", "training.threads=2"])
    #expect(last.status == 0, "\(last.error)")
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
    let losses = try workspace.run().steps("loss")
    #expect(losses[19] < losses[0] - 0.1)
    let other = try workspace.train()
    #expect(
      other.status == 64 && other.error.contains("was trained with \"llama\""), "\(other.error)"
    )
  }

  @Test(arguments: ["olmo2", "llama"]) func `an exported vanilla model can be imported as a PHD-Transformer`(
    architecture: String
  ) throws {
    let workspace = try TestWorkspace()
    let model = ["--set", "model.architecture=\(architecture)", "--set", "model.eos_token_id=[60,59]"]
    #expect(try workspace.train(model + PretrainedTests.vanilla, name: "vanilla").status == 0)
    let checkpoint = workspace.run("vanilla").checkpoint(20)
    for type in ["fp32", "bf16"] {
      #expect(try workspace.phd("checkpoint", "export", checkpoint, "--to", "out-\(type)", "--dtype", type).status == 0)
    }
    // The export takes missing settings from the run.
    let exported = try JSONValue(parsing: try workspace.bytes(of: "out-bf16/config.json"))
    #expect(exported["max_position_embeddings"]?.integer == TestWorkspace.sequenceLength)
    #expect(exported["eos_token_id"] == [60, 59] && exported["dtype"] == "bfloat16")
    // The weights are equal from the checkpoint, the folder, the file and an imported checkpoint.
    #expect(try workspace.phd("checkpoint", "import", "out-fp32", "--to", "imported.h5").status == 0)
    let sources = [checkpoint, "out-fp32", "out-fp32/model.safetensors", "imported.h5"]
    for (index, source) in sources.enumerated() {
      let outcome = try workspace.train(
        model + ["--initialize-from", source], name: "from-\(index)", ranks: index == 1 ? 2 : nil)
      #expect(outcome.status == 0, "\(outcome.error)")
      if index != 1 { try expectSame(workspace.run("from-\(index)"), workspace.run("from-0"), at: 20) }
    }
    let losses = try workspace.run("from-0").steps("loss")
    #expect(abs(try workspace.run("from-1").steps("loss")[0] - losses[0]) < 1e-5)
    #expect(losses[0] < (try workspace.run("vanilla").steps("loss")[0]) - 0.1)
    let rounded = try workspace.train(model + ["--initialize-from", "out-bf16"], name: "rounded")
    #expect(rounded.status == 0, "\(rounded.error)")
    #expect(abs(try workspace.run("rounded").steps("loss")[0] - losses[0]) < 2e-2)

    // An imported file is a regular checkpoint.
    let inspected = try JSONValue(parsing: try workspace.phd("checkpoint", "inspect", "imported.h5", "--json").output)
    #expect(inspected["config"]?["model"]?["architecture"]?.string == architecture)
    #expect(inspected["config"]?["model"]?["eos_token_id"] == [60, 59] && inspected["step"] == 0)
    #expect(try workspace.phd("checkpoint", "inspect", "imported.h5").output.contains("only weights"))
    #expect(try workspace.phd("checkpoint", "verify", "imported.h5").status == 0)
    let loss = ["evaluate", "loss", "--corpus", "short.h5", "--json", "--checkpoint"]
    func evaluate(_ arguments: String...) throws -> Outcome {
      try launch("phd", loss + arguments, directory: workspace.path)
    }
    let mine = try evaluate(checkpoint)
    let imported = try evaluate("imported.h5", "--sequence-length", "12")
    #expect(mine.status == 0 && mine.output == imported.output)
    let lengthless = try evaluate("imported.h5")
    #expect(lengthless.status == 64 && lengthless.error.contains("--sequence-length"))
  }

  @Test(arguments: [nil, 2]) func `weights of a different model are refused with one message`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(PretrainedTests.vanilla + ["--stop-after", "5"], name: "vanilla").status == 0)
    let checkpoint = workspace.run("vanilla").checkpoint(5)
    #expect(try workspace.phd("checkpoint", "export", checkpoint, "--to", "out").status == 0)
    func refusal(_ status: Int32, _ text: String, _ source: String, _ arguments: [String] = []) throws {
      let outcome = try workspace.train(["--initialize-from", source] + arguments, ranks: ranks)
      #expect(outcome.status == status)
      #expect(outcome.error.components(separatedBy: text).count == 2, "\(outcome.error)")
      #expect(outcome.error.split(separator: "\n").count <= 2)
    }
    let theta = "its rope_theta is 500000.0, model.rope_theta of the configuration is 1.0"
    try refusal(64, theta, "out", ["--set", "model.rope_theta=1"])
    let architecture = "its architecture is olmo2, model.architecture of the configuration is llama"
    try refusal(64, architecture, "out", PretrainedTests.llama)
    try refusal(66, "nothing.safetensors: there is no such file", "nothing.safetensors")
    try workspace.cut("out/model.safetensors")
    try refusal(65, "model.safetensors", "out")
    try FileManager.default.removeItem(atPath: workspace["out/config.json"])
    try refusal(66, "config.json: there is no such file", "out")
  }

  @Test func `invalid exports and imports end with one line`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "5"]).status == 0)
    let checkpoint = workspace.run().checkpoint(5)
    func expect(_ status: Int32, _ text: String, _ arguments: [String]) throws {
      let outcome = try launch("phd", ["checkpoint"] + arguments, directory: workspace.path)
      #expect(outcome.status == status && outcome.output == "", "\(outcome.error)")
      #expect(outcome.error.contains(text) && outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }
    try expect(64, "fp32", ["export", checkpoint, "--to", "out", "--dtype", "fp16"])
    try expect(66, "there is no such file", ["export", "none.h5", "--to", "out"])
    try expect(74, "cannot be created", ["export", checkpoint, "--to", "config.json/out"])
    try expect(66, "there is no such file", ["import", "none", "--to", "x.h5"])
    try expect(66, "runs needs it", ["import", "runs", "--to", "x.h5"])
    try expect(65, "model_type is missing", ["import", "runs/tiny", "--to", "x.h5"])
    #expect(!FileManager.default.fileExists(atPath: workspace["x.h5"]))
  }
}
