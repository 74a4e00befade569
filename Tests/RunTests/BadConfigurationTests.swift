import Foundation
import TestSupport
import Testing
import Training

/// Invalid configurations and options: status 64, and a message that says what to change.
@Suite(.serialized) struct BadConfigurationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let overrides: [String]
    let names: [String]
    var ranks: Int?
    var testDescription: String { overrides.joined(separator: " ") }
  }

  @Test(arguments: [
    Case(overrides: ["training.step=30"], names: ["step", "training.steps"]),
    Case(overrides: ["trainin.steps=30"], names: ["trainin", "training"]),
    Case(overrides: ["optimizer.learnig_rate=1"], names: ["learnig_rate", "learning_rate"], ranks: 2),
    Case(overrides: ["training.steps=many"], names: ["training.steps", "many"]),
    Case(overrides: ["training.steps=1.5"], names: ["training.steps", "1.5"]),
    Case(overrides: ["training.reproducible=1"], names: ["training.reproducible", "1"]),
    Case(overrides: ["training.micro_batch_size=4"], names: ["training.global_batch_size", "6", "4"]),
    Case(
      overrides: ["training.micro_batch_size=2"], names: ["training.global_batch_size", "6", "ranks (2)"], ranks: 2),
    Case(
      overrides: ["model.num_attention_heads=3"], names: ["num_attention_heads", "hidden_size", "16", "3"], ranks: 2),
    Case(overrides: ["model.num_key_value_heads=3"], names: ["num_key_value_heads", "num_attention_heads", "3", "2"]),
    Case(overrides: ["hidden_decoding.pattern=swa"], names: ["hidden_decoding.chunk"]),
    Case(overrides: ["hidden_decoding.window=true"], names: ["hidden_decoding.window"]),
    Case(overrides: ["hidden_decoding.window=1"], names: ["hidden_decoding", "window", "not 1", "phd"]),
    Case(overrides: ["hidden_decoding.repeats=1"], names: ["hidden_decoding", "repeats", "not 1", "vanilla"]),
    Case(overrides: ["schedule.decay_steps=5"], names: ["schedule.decay_steps", "wsd"]),
    Case(overrides: ["optimizer.no_weight_decay=[\"*.nom.weight\"]"], names: ["no_weight_decay", "*.nom.weight"]),
    Case(overrides: ["training"], names: ["training", "KEY=VALUE"]),
  ])
  func `an invalid key is an error that names it`(wrong: Case) throws {
    let workspace = try TestWorkspace()
    let outcome = try workspace.train(wrong.overrides.flatMap { ["--set", $0] }, ranks: wrong.ranks)
    try expectError(outcome, 64, naming: wrong.names)
    #expect(outcome.output == "")
    #expect(!FileManager.default.fileExists(atPath: workspace["runs"]))
  }

  @Test(arguments: [nil, 2]) func `a run that needs more memory than the machine has is an error`(ranks: Int?) throws {
    let batch = ["--set", "training.micro_batch_size=80000000", "--set", "training.global_batch_size=160000000"]
    try expectError(try TestWorkspace().train(batch, ranks: ranks), 64, naming: ["more than its", "micro_batch_size"])
  }

  @Test func `an error keeps its status if standard error is closed`() throws {
    let workspace = try TestWorkspace()
    for program in ["phd-train nowhere.json", "phd plan nowhere.json"] {
      let outcome = try launch(
        "/bin/sh", ["-c", "\(buildDirectory)/\(program) 2> /dev/full"], environment: TestWorkspace.environment,
        directory: workspace.path)
      #expect(outcome.status == 66)
    }
  }

  @Test func `a configuration may have a byte-order mark and CR LF; one that is not text is an error`() throws {
    let workspace = try TestWorkspace()
    try workspace.write("\u{feff}" + TestWorkspace.configuration.replacing("\n", with: "\r\n"), to: "windows.json")
    let read = try workspace.train(["--dry-run"], configuration: "windows.json")
    #expect(read.status == 0, "\(read.error)")
    // In Swift, "=" followed by a combining accent is a single character.
    let override = try workspace.train(["--dry-run", "--set", "data.train=\u{301}a.h5"])
    #expect(override.status == 0 && override.output.contains("\u{301}a.h5"), "\(override.error)")
    let cases: [(bytes: [UInt8], words: String)] = [
      (Array("{\n\"name\": \"caf".utf8) + [0xe9, 0x22, 0x7d], "is not UTF-8 at byte 14, in line 2"),
      (Array("version https://git-lfs.github.com/spec/v1\noid x\n".utf8), "is a Git LFS pointer"),
    ]
    for (bytes, words) in cases {
      try workspace.write(bytes, to: "bad.json")
      try expectError(workspace.train(configuration: "bad.json"), 64, naming: ["bad.json", words])
    }
  }

  @Test(arguments: [nil, 2]) func `arguments that are not UTF-8 are errors`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    for program in ["phd-train", "phd plan"] {
      let command = "exec \(buildDirectory)/\(program) \"$(printf 'caf\\351.json')\""
      let outcome = try launch(
        "/bin/sh", ["-c", command], ranks: program == "phd-train" ? ranks : nil, environment: TestWorkspace.environment,
        directory: workspace.path)
      try expectError(outcome, 64, naming: ["caf\\xe9.json", "is not UTF-8", "rename"])
    }
  }

  @Test(arguments: [nil, 2]) func `a misspelt key in the file is an error with a suggestion`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    try workspace.write(
      TestWorkspace.configuration.replacing("\"warmup_steps\"", with: "\"warmup_step\""), to: "config.json")
    try expectError(
      try workspace.train(ranks: ranks), 64, naming: ["config.json", "warmup_step\"", "schedule", "warmup_steps"])
  }

  @Test(arguments: [nil, 2]) func `a configuration that is not JSON is an error`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    try workspace.write("{ \"name\": \"x\",\n  \"seed\" 5 }", to: "config.json")
    try expectError(try workspace.train(ranks: ranks), 64, naming: ["config.json", "line 2", "JSON"])
  }

  @Test(arguments: [nil, 2]) func `a missing configuration is status 66`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    try expectError(try workspace.train(configuration: "nowhere.json", ranks: ranks), 66, naming: ["nowhere.json"])
  }

  @Test(arguments: [["--no-such"], ["--stop-after", "0"], ["--stop-after", "x"], ["--json"], ["second.json"]])
  func `invalid options are usage errors`(arguments: [String]) throws {
    let workspace = try TestWorkspace()
    try expectError(try workspace.train(arguments), 64, naming: [arguments.last ?? ""])
  }

  @Test func `one rank reports invalid options under mpirun`() throws {
    try expectError(try TestWorkspace().train(["--no-such"], ranks: 3), 64, naming: ["--no-such", "--help"])
  }

  @Test(arguments: [nil, 2]) func `help is printed once with status 0`(ranks: Int?) throws {
    let outcome = try TestWorkspace().train(["--help"], ranks: ranks)
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.output.components(separatedBy: "USAGE: phd-train").count == 2)
    #expect(outcome.output.contains("--stop-after"))
  }

  @Test func `ranks with different configurations are an error`() throws {
    let workspace = try TestWorkspace()
    try workspace.write(TestWorkspace.configuration.replacing("\"seed\": 5", with: "\"seed\": 6"), to: "other.json")
    let program = "\(buildDirectory)/phd-train"
    let start = ["--quiet", "--bind-to", "none", "-n", "1", program, "config.json"]
    let environment = TestWorkspace.environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
    ]) { $1 }
    for (other, names) in [
      (["other.json"], ["rank 1", "seed", "5", "6"]),
      (["config.json", "--set", "optimizer.learning_rate=0.5"], ["rank 1", "optimizer.learning_rate", "0.01", "0.5"]),
      (["config.json", "--stop-after", "3"], ["rank 1", "different options"]),
    ] {
      let outcome = try launch(
        "/usr/bin/mpirun", start + [":", "-n", "1", program] + other, environment: environment,
        directory: workspace.path, timeout: 20)
      try expectError(outcome, 64, naming: names)
    }
    #expect(!FileManager.default.fileExists(atPath: workspace["runs"]))
  }
}
