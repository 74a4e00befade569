import Foundation
import TestSupport
import Testing
import Training

/// The settings that may and may not change on a resume.
@Suite(.serialized) struct ChangedConfigurationTests {
  @Test func `a changed locked setting is refused with both values`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "2"]).status == 0)
    let before = try workspace.bytes(of: "runs/tiny/log.jsonl")
    let changes: [(overrides: [String], names: [String])] = [
      (["seed=6"], ["seed", "5", "6"]),
      (["model.hidden_size=24"], ["model.hidden_size", "16", "24"]),
      (["model.num_hidden_layers=3"], ["model.num_hidden_layers", "2", "3"]),
      (["hidden_decoding.repeats=3"], ["hidden_decoding.repeats", "2", "3"]),
      (["hidden_decoding.pattern=swa", "hidden_decoding.chunk=null"], ["hidden_decoding.pattern", "swa", "cswa"]),
      (["data.sequence_length=11"], ["data.sequence_length", "12", "11"]),
      (["training.global_batch_size=12"], ["training.global_batch_size", "6", "12"]),
      (["training.micro_batch_size=2"], ["training.micro_batch_size", "1", "2"]),
      (["optimizer.learning_rate=0.02"], ["optimizer.learning_rate", "0.01", "0.02"]),
      (["optimizer.weight_decay=0.2"], ["optimizer.weight_decay", "0.1", "0.2"]),
      (["schedule.kind=constant", "schedule.final_fraction=null"], ["schedule.kind", "cosine", "constant"]),
      (["schedule.warmup_steps=5"], ["schedule.warmup_steps", "4", "5"]),
      (["data.train=[\"train.h5\",\"long.h5\"]"], ["data.train", "train.h5", "long.h5"]),
    ]
    for (index, change) in changes.enumerated() {
      let outcome = try workspace.train(
        change.overrides.flatMap { ["--set", $0] }, ranks: index == 0 ? 2 : nil, timeout: 20)
      try expectError(outcome, 64, naming: change.names)
    }
    #expect(try workspace.bytes(of: "runs/tiny/log.jsonl") == before)
    #expect(workspace.run().checkpoints == [2])
  }

  @Test func `changed content under the same path is refused, moved files are accepted`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight").status == 0)
    #expect(try workspace.train(["--stop-after", "7"]).status == 0)
    var tokens = TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1)
    try workspace.writeCorpus(tokens, to: "moved.h5")
    let moved = try workspace.train(["--set", "data.train=moved.h5", "--stop-after", "9"])
    #expect(moved.status == 0, "\(moved.error)")
    #expect(moved.output.contains("moved.h5"))

    tokens[99] ^= 1
    try workspace.writeCorpus(tokens, to: "train.h5")
    try expectError(try workspace.train(ranks: 2, timeout: 20), 64, naming: ["data.train", "train.h5", "hash"])
    try workspace.writeCorpus(tokens.dropLast(12).map { $0 }, to: "train.h5")
    try expectError(try workspace.train(), 64, naming: ["train.h5", "565", "553"])
    tokens[99] ^= 1
    try workspace.writeCorpus(tokens.map { UInt8($0) }, to: "train.h5")
    try expectError(try workspace.train(), 64, naming: ["train.h5", "uint8", "uint16"])

    try workspace.writeCorpus(tokens, to: "train.h5")
    #expect(try workspace.train().status == 0)
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
  }

  @Test func `--resume FILE with a different model is an error`() throws {
    let workspace = try TestWorkspace()
    let wide = ["--set", "model.intermediate_size=32"]
    #expect(try workspace.train(wide + ["--stop-after", "1"], name: "wide").status == 0)
    let file = "runs/wide/\(RunFiles.name(1))"
    try expectError(
      try workspace.train(["--resume", file], ranks: 2), 64, naming: [file, "model.intermediate_size", "24", "32"])
    try expectError(
      try workspace.train(["--initialize-from", file], ranks: 2), 65, naming: [file, "mlp.", "24", "32"])
    #expect(workspace.run().checkpoints == [])
  }
}
