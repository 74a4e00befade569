import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// `--initialize-from` with a different model, whose shapes may be the same, and the record of the weights' source.
@Suite(.serialized) struct DifferentModelTests {
  private static func set(_ settings: [String]) -> [String] { settings.flatMap { ["--set", $0] } }

  /// A workspace with a checkpoint of one step, and the same model in Hugging Face format.
  private func workspace() throws -> (workspace: TestWorkspace, checkpoint: String) {
    let workspace = try TestWorkspace()
    let vanilla = DifferentModelTests.set(["hidden_decoding=null"])
    try #require(try workspace.train(vanilla + ["--stop-after", "1"], name: "first").status == 0)
    let checkpoint = "runs/first/\(RunFiles.name(1))"
    try #require(try workspace.phd("checkpoint", "export", checkpoint, "--to", "out").status == 0)
    return (workspace, checkpoint)
  }

  /// All but the last two have equal shapes.
  @Test(arguments: [
    (["model.num_attention_heads=4", "model.num_key_value_heads=2"], ["num_attention_heads", "2", "4"]),
    (["model.rope_theta=10000"], ["rope_theta", "500000", "10000", "--allow rope"]),
    (["model.rms_norm_eps=1e-5"], ["rms_norm_eps", "1e-06", "1e-05"]),
    (["model.tie_word_embeddings=true"], ["tie_word_embeddings", "false", "true"]),
    (["model.architecture=llama"], ["architecture", "olmo2", "llama"]),
    (["model.num_key_value_heads=2"], ["num_key_value_heads", "1", "2"]),
  ]) func `weights of a different model are refused, also in a dry run`(
    settings: [String], names: [String]
  ) throws {
    let (workspace, checkpoint) = try workspace()
    for source in [checkpoint, "out", "out/model.safetensors"] {
      for arguments in [[], ["--dry-run"], ["--dry-run", "--json", "--set", "data.train=nowhere.h5"]] {
        let outcome = try workspace.train(
          DifferentModelTests.set(settings) + ["--initialize-from", source] + arguments,
          ranks: source == "out" ? 2 : nil)
        try expectError(outcome, 64, naming: [source] + names)
      }
    }
    #expect(workspace.run().files.filter { $0.hasPrefix("step-") || $0 == "log.jsonl" } == [])
  }

  @Test func `a different rotary base is accepted with --allow rope, different hidden copies always`() throws {
    let (workspace, checkpoint) = try workspace()
    let other = ["model.rope_theta=10000", "hidden_decoding={\"pattern\":\"phd\",\"repeats\":3}"]
    for (index, source) in [checkpoint, "out"].enumerated() {
      let outcome = try workspace.train(
        DifferentModelTests.set(other) + ["--initialize-from", source, "--allow", "rope", "--stop-after", "1"],
        name: "rope-\(index)")
      #expect(outcome.status == 0 && outcome.error.contains("rope_theta is 500000"), "\(outcome.error)")
      let warnings = try workspace.run("rope-\(index)").records("warning").compactMap { $0["message"]?.string }
      #expect(warnings.contains { $0.contains(source) && $0.contains("10000") })
    }
    let copies = try workspace.train(
      DifferentModelTests.set([other[1]]) + ["--initialize-from", checkpoint, "--stop-after", "1"])
    #expect(copies.status == 0 && copies.error == "", "\(copies.error)")
    // The option allows no other difference.
    try expectError(
      try workspace.train(
        DifferentModelTests.set(["model.rms_norm_eps=1e-5"]) + ["--initialize-from", checkpoint, "--allow", "rope"],
        name: "eps"), 64, naming: ["rms_norm_eps"])
    try expectError(try workspace.train(["--initialize-from", "out", "--allow", "heads"]), 64, naming: ["heads"])
    try expectError(try workspace.train(["--allow", "rope"], name: "x"), 64, naming: ["--initialize-from"])
  }

  @Test func `the log and every checkpoint name the source, and resumes warn that they ignore the option`() throws {
    let (workspace, checkpoint) = try workspace()
    let seal = String(decoding: try workspace.bytes(of: checkpoint).prefix(80), as: UTF8.self).split(separator: " ")
    let start = try workspace.train(["--initialize-from", checkpoint, "--stop-after", "5"], ranks: 2)
    #expect(start.status == 0 && start.error == "", "\(start.error)")
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let last = try workspace.train(["--initialize-from", "out"], ranks: 2)
    #expect(last.status == 0)
    #expect(last.error.contains("--initialize-from out is ignored") && last.error.contains(RunFiles.name(10)))
    #expect(last.error.contains("started with the weights of \(checkpoint)"))
    #expect(try workspace.run().records("warning").count == 1)

    let source: JSONValue = ["path": .string(checkpoint), "digest": .string(String(seal[2]))]
    #expect(try workspace.run().records("run").map { $0["initialized_from"] } == [source, source, source])
    for step in [5, 10, 20] {
      let report = try workspace.phd("checkpoint", "inspect", "runs/tiny/\(RunFiles.name(step))", "--json")
      #expect(try JSONValue(parsing: report.output)["initialized_from"] == source)
    }
    #expect(try workspace.run("first").records("run").map { $0["initialized_from"] } == [.null])
    // A dry run prints the same warning and does not open the ignored file.
    let dry = try workspace.train(["--initialize-from", "nowhere.h5", "--dry-run"])
    #expect(dry.status == 0 && dry.error.contains("nowhere.h5 is ignored"), "\(dry.error)")

    let folder = try workspace.train(["--initialize-from", "out", "--stop-after", "1"], name: "folder")
    #expect(folder.status == 0, "\(folder.error)")
    let digest = ContentDigest()
    try workspace.bytes(of: "out/model.safetensors").withUnsafeBytes { digest.update($0) }
    #expect(
      try workspace.run("folder").records("run").first?["initialized_from"]
        == ["path": "out", "digest": .string(digest.hexadecimal)])
  }

  @Test func `a file without a configuration causes a warning with the unchecked keys`() throws {
    let (workspace, checkpoint) = try workspace()
    let original = try HDF5File.open(workspace[checkpoint])
    func write(_ name: String, _ attributes: [String: Double]) throws {
      let file = try HDF5File.create(workspace[name])
      for child in try original.children(of: "model") {
        let dataset = try original.dataset("model/\(child.name)")
        try dataset.array(of: Float.self).withUnsafeBufferPointer {
          try file.write("model/\(child.name)", shape: dataset.shape, from: $0)
        }
      }
      for (key, value) in attributes { try file.setAttribute(key, to: value) }
      try file.close()
    }
    try write("bare.h5", [:])
    let bare = try workspace.train(["--initialize-from", "bare.h5", "--stop-after", "1"], ranks: 2)
    #expect(bare.status == 0)
    let message = "bare.h5 has no attribute config"
    #expect(bare.error.components(separatedBy: message).count == 2, "\(bare.error)")
    for key in ["num_attention_heads", "num_key_value_heads", "rope_theta", "rms_norm_eps"] {
      #expect(bare.error.contains(key))
    }
    // Attributes with the names of the keys are compared.
    let same = ["num_attention_heads": 2.0, "num_key_value_heads": 1, "rope_theta": 500_000, "rms_norm_eps": 1e-6]
    try write("same.h5", same)
    let outcome = try workspace.train(["--initialize-from", "same.h5", "--stop-after", "1"], name: "same")
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    try write("other.h5", same.merging(["rope_theta": 10_000]) { $1 })
    for arguments in [[], ["--dry-run"]] {
      try expectError(
        try workspace.train(["--initialize-from", "other.h5"] + arguments, name: "other"), 64,
        naming: ["other.h5", "rope_theta", "10000", "500000"])
    }
  }

  @Test(arguments: [nil, 2]) func `an invalid file fails a dry run like the run`(ranks: Int?) throws {
    let (workspace, checkpoint) = try workspace()
    try workspace.write("no model", to: "text.h5")
    try FileManager.default.createDirectory(atPath: workspace["empty"], withIntermediateDirectories: true)
    for (source, status, settings) in [
      ("nowhere.h5", 66, []), ("text.h5", 65, []), ("train.h5", 65, []), ("empty", 66, []),
      (checkpoint, 65, ["model.intermediate_size=32"]), ("out", 64, ["model.intermediate_size=32"]),
    ] as [(String, Int32, [String])] {
      let arguments = DifferentModelTests.set(settings) + ["--initialize-from", source]
      for dry in [["--dry-run"], []] {
        let outcome = try workspace.train(arguments + dry, ranks: ranks)
        try expectError(outcome, status, naming: [source])
        #expect(outcome.output == "")
      }
    }
    let good = try workspace.train(["--initialize-from", checkpoint, "--dry-run", "--json"], ranks: ranks)
    #expect(good.status == 0 && good.error == "", "\(good.error)")
    #expect(try JSONValue(parsing: good.output)["parameters"] == 5920)
  }
}
