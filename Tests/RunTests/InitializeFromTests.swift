import Foundation
import Storage
import TestSupport
import Testing
import Training

/// `--initialize-from`.
@Suite(.serialized) struct InitializeFromTests {
  @Test func `a run starts from weights without digest or moments, as h5py writes them`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "5"], name: "first").status == 0)
    let first = workspace.run("first")
    let weights = try RunFiles.tensors(first.checkpoint(5)).filter { $0.key.hasPrefix("model/") }
    try write(weights, like: first.checkpoint(5), to: workspace["weights.h5"])

    for (name, file) in [("plain", "weights.h5"), ("sealed", "runs/first/\(RunFiles.name(5))")] {
      let outcome = try workspace.train(["--initialize-from", file], name: name, ranks: 2)
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    try expectSame(workspace.run("plain"), workspace.run("sealed"), at: 20)
    let run = workspace.run("plain")
    #expect(try run.starts() == [0])
    #expect(try run.steps() == (1...20).map(Double.init))
    // The weights are the first run's, and the samples start from the beginning.
    #expect(try run.steps("loss")[0] < first.steps("loss")[0])

    // A file with only weights has no run state.
    try expectError(try workspace.train(["--resume", "weights.h5"]), 65, naming: ["weights.h5", "--initialize-from"])
  }

  @Test func `the option is ignored if the run resumes`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight").status == 0)
    #expect(try workspace.train(["--stop-after", "5"]).status == 0)
    let outcome = try workspace.train(["--initialize-from", "runs/straight/\(RunFiles.name(20))"])
    #expect(outcome.status == 0, "\(outcome.error)")
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
  }

  @Test(arguments: [nil, 2]) func `a missing file is an error`(ranks: Int?) throws {
    for option in ["--initialize-from", "--resume"] {
      try expectError(try TestWorkspace().train([option, "nowhere.h5"], ranks: ranks), 66, naming: ["nowhere.h5"])
    }
  }

  @Test func `a file with a missing tensor is an error`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "1"], name: "first").status == 0)
    let file = workspace.run("first").checkpoint(1)
    let weights = try RunFiles.tensors(file).filter { $0.key.hasPrefix("model/") }
    try write(weights.filter { $0.key != "model/lm_head.weight" }, like: file, to: workspace["weights.h5"])
    try expectError(
      try workspace.train(["--initialize-from", "weights.h5"]), 65, naming: ["weights.h5", "lm_head.weight"])
  }

  @Test(arguments: [nil, 2]) func `weights that are not finite are refused before the first step`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "1"], name: "first").status == 0)
    let file = workspace.run("first").checkpoint(1)
    for (name, value) in [("nan", Float.nan), ("inf", Float.infinity)] {
      var weights = try RunFiles.tensors(file).filter { $0.key.hasPrefix("model/") }
      weights["model/lm_head.weight"]?[40] = value
      try write(weights, like: file, to: workspace["\(name).h5"])
      let outcome = try workspace.train(["--initialize-from", "\(name).h5"], name: name, ranks: ranks, timeout: 20)
      try expectError(outcome, 70, naming: ["\(name).h5", "lm_head.weight has \(name) at element 40"])
      #expect(workspace.run(name).checkpoints == [])
    }
  }

  @Test func `weights that are not finite after an update are not saved`() throws {
    let workspace = try TestWorkspace()
    // The token does not occur in the corpus: its row overflows by weight decay alone, while every loss is finite.
    let larger = ["--set", "model.vocab_size=62"]
    #expect(try workspace.train(larger + ["--stop-after", "1"], name: "first").status == 0)
    let file = workspace.run("first").checkpoint(1)
    var weights = try RunFiles.tensors(file).filter { $0.key.hasPrefix("model/") }
    let last = try #require(weights["model/model.embed_tokens.weight"]?.indices.last)
    weights["model/model.embed_tokens.weight"]?[last] = 3e38
    try write(weights, like: file, to: workspace["large.h5"])
    let outcome = try workspace.train(
      larger + [
        "--initialize-from", "large.h5", "--set", "schedule.kind=constant", "--set", "schedule.warmup_steps=0",
        "--set", "optimizer.learning_rate=1", "--set", "optimizer.weight_decay=10", "--set",
        "optimizer.no_weight_decay=[\"*norm.weight\"]", "--set", "checkpoint.every_steps=1",
      ], ranks: 2, timeout: 20)
    try expectError(outcome, 70, naming: ["step 1", "weights", "not saved"])
    #expect(workspace.run().checkpoints == [])
    #expect(try workspace.run().steps() == [1])
  }

  /// Writes tensors as `h5py` would write a checkpoint, with the attributes of an existing checkpoint.
  private func write(_ tensors: [String: [Float]], like checkpoint: String, to path: String) throws {
    let (original, file) = (try HDF5File.open(checkpoint), try HDF5File.create(path))
    try file.setAttribute("format", to: "phd-checkpoint")
    try file.setAttribute("version", to: 1)
    try file.setAttribute("step", to: 5)
    try file.setAttribute("config", to: try #require(try original.stringAttribute("config")))
    for (name, values) in tensors.sorted(by: { $0.key < $1.key }) {
      let shape = try original.dataset(name).shape
      try values.withUnsafeBufferPointer { try file.write(name, shape: shape, from: $0) }
    }
    try file.close()
  }
}
