import Configuration
import Foundation
import JSON
import TestSupport
import Testing
import Training

/// Reports on plans, checkpoints and logs.
@Suite(.serialized) struct ReportTests {
  @Test func `a dry run prints what the run needs and trains nothing`() throws {
    let workspace = try TestWorkspace()
    let outcome = try workspace.train(["--dry-run", "--json"])
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    let plan = try JSONValue(parsing: outcome.output)
    #expect(plan["parameters"] == .integer(5920))
    #expect(plan["steps_per_epoch"]?.number == Double(TestWorkspace.samples) / 6)
    for name in ["flops_per_step", "memory_bytes_per_rank"] {
      #expect(try #require(plan[name]?.integer, "there is no \(name)") > 0)
    }
    #expect(!FileManager.default.fileExists(atPath: workspace["runs"]))

    let same = try workspace.phd("plan", "config.json", "--json")
    #expect(same.output == outcome.output)
    let shared = try workspace.train(["--dry-run", "--json"], ranks: 3)
    #expect(shared.output == (try workspace.phd("plan", "config.json", "--ranks", "3", "--json")).output)
  }

  @Test(arguments: [nil, 2]) func `a dry run needs no corpora`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let elsewhere = ["--set", "data.train=nowhere.h5", "--dry-run"]
    let outcome = try workspace.train(elsewhere + ["--json"], ranks: ranks)
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    #expect(try JSONValue(parsing: outcome.output)["steps_per_epoch"] == .null)
    let text = try workspace.train(elsewhere, ranks: ranks)
    #expect(text.status == 0)
    // First the complete configuration as JSON, then the plan.
    let parts = text.output.components(separatedBy: "\n\n")
    let resolved = try RunConfiguration(text: parts[0], file: "printed")
    #expect(resolved.data.train.map(\.path) == ["nowhere.h5"])
    #expect(parts[1].contains("parameters") && parts[1].contains("memory"))
  }

  @Test func `an invalid configuration is an error in a dry run`() throws {
    let workspace = try TestWorkspace()
    let arguments = ["--set", "training.step=3"]
    try expectError(try workspace.train(["--dry-run", "--json"] + arguments), 64, naming: ["training.steps"])
    try expectError(
      try workspace.phd("plan", "config.json", "--set", "training.step=3"), 64, naming: ["training.steps"])
    try expectError(try workspace.phd("plan", "nowhere.json"), 66, naming: ["nowhere.json"])
  }

  @Test func `checkpoints and logs are summarized, and damage is status 65`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "5"]).status == 0)
    let file = "runs/tiny/\(RunFiles.name(5))"
    let inspected = try JSONValue(parsing: try workspace.phd("checkpoint", "inspect", file, "--json").output)
    #expect(inspected["step"] == 5)
    #expect(inspected["parameters"] == 5920)
    #expect(inspected["tokens"] == .integer(5 * 6 * TestWorkspace.sequenceLength))
    #expect(inspected["config"]?["seed"] == 5)
    #expect(
      inspected["config"]
        == (try JSONValue(parsing: String(decoding: try workspace.bytes(of: "runs/tiny/config.json"), as: UTF8.self))))
    #expect(try workspace.phd("checkpoint", "inspect", file).output.contains("PHD-CSWA-2-3-5"))
    #expect(try JSONValue(parsing: try workspace.phd("checkpoint", "verify", file, "--json").output)["valid"] == true)

    for path in ["runs/tiny", "runs/tiny/log.jsonl"] {
      let log = try JSONValue(parsing: try workspace.phd("log", "show", path, "--json").output)
      #expect(log["steps"] == 5 && log["starts"] == 1 && log["end"] == "stopped after")
      #expect(log["last_loss"]?.number == (try workspace.run().steps("loss").last))
    }
    #expect(try workspace.phd("log", "show", "runs/tiny").output.contains("5 steps"))
    try expectError(try workspace.phd("log", "show", "runs/none", "--json"), 66, naming: ["runs/none"])

    try workspace.flip(file)
    for command in ["inspect", "verify"] {
      let outcome = try workspace.phd("checkpoint", command, file, "--json")
      try expectError(outcome, 65, naming: [file])
      #expect(outcome.output == "")
      try expectError(try workspace.phd("checkpoint", command, "none.h5"), 66, naming: ["none.h5"])
    }
  }

  @Test(arguments: [nil, 2]) func `a run prints a short report once on standard output`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let outcome = try workspace.train(["--stop-after", "6"], ranks: ranks)
    #expect(outcome.status == 0 && outcome.error == "")
    let lines = outcome.output.split(separator: "\n")
    let steps = lines.filter { $0.hasPrefix("step ") && $0.contains("norm ") }
    #expect(steps.count == 6)
    // The first step is slower, so its speed is not shown.
    #expect(steps.map { $0.contains("tokens/s") } == [false, true, true, true, true, true])
    #expect(steps.dropFirst().allSatisfy { $0.contains("% of peak") && $0.contains(" left") })
    #expect(!outcome.output.contains("\u{1B}"))
    #expect(lines.filter { $0.hasPrefix("checkpoint ") }.count == 2)
    #expect(lines.filter { $0.contains("validation short  loss") }.count == 1)
    #expect(lines.count < 20 && lines.allSatisfy { $0.count <= 150 })
  }
}
