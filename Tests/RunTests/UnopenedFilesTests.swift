import Foundation
import TestSupport
import Testing

/// Files that cannot be opened are errors of their own: they are not treated as damaged or missing.
@Suite(.serialized) struct UnopenedFilesTests {
  enum Obstacle: CaseIterable, Sendable {
    case loopOfLinks, linkToNothing, folder

    var reason: String {
      switch self {
      case .loopOfLinks: "Too many levels of symbolic links"
      case .linkToNothing: "there is no such file"
      case .folder: "is not a regular file"
      }
    }

    func apply(to path: String) throws {
      try FileManager.default.moveItem(atPath: path, toPath: path + ".kept")
      switch self {
      case .loopOfLinks: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
      case .linkToNothing: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + ".gone")
      case .folder: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      }
    }
  }

  @Test(arguments: Obstacle.allCases) func `a checkpoint that cannot be opened is not passed over`(
    obstacle: Obstacle
  ) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let run = workspace.run()
    try obstacle.apply(to: run.checkpoint(10))
    let (files, log) = (run.files, try workspace.bytes(of: "runs/tiny/log.jsonl"))
    let ranks = obstacle == .folder ? 2 : nil
    try expectError(
      try workspace.train(ranks: ranks), 74, naming: [RunFiles.name(10), obstacle.reason, "--resume FILE"])
    #expect(run.files == files)
    #expect(try workspace.bytes(of: "runs/tiny/log.jsonl") == log)
    // Follow the advice in the message.
    let outcome = try workspace.train(["--resume", run.checkpoint(5), "--stop-after", "6"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try run.starts() == [0, 5])
  }

  @Test func `a given file that cannot be opened is an error with the reason`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "1"], name: "first").status == 0)
    for name in ["loop.h5", "loop.jsonl", "loop.json"] {
      try FileManager.default.createSymbolicLink(atPath: workspace[name], withDestinationPath: workspace[name])
    }
    let checkpoint = workspace.run("first").checkpoint(1)
    for arguments in [
      ["corpus", "inspect", "loop.h5"], ["corpus", "verify", "loop.h5"], ["checkpoint", "verify", "loop.h5"],
      ["corpus", "build", "loop.jsonl", "--output", "o.h5", "--tokenizer", "bytes"],
      ["corpus", "build", "config.json", "--output", "o.h5", "--tokenizer", "loop.json"],
      ["generate", "--checkpoint", checkpoint, "--prompts", "loop.jsonl", "--tokenizer", "bytes"],
      ["evaluate", "tasks", "--checkpoint", checkpoint, "--tasks", "loop.jsonl"],
      ["evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "loop.h5"],
      ["log", "show", "loop.jsonl"], ["plan", "loop.json"], ["plan", "config.json", "--set", "data.train=loop.h5"],
    ] {
      let outcome = try launch("phd", arguments, environment: TestWorkspace.environment, directory: workspace.path)
      try expectError(outcome, 74, naming: ["loop.", "Too many levels of symbolic links"])
    }
    for arguments in [
      ["--resume", "loop.h5"], ["--initialize-from", "loop.h5"], ["--set", "data.train=loop.h5"],
    ] {
      try expectError(
        try workspace.train(arguments), 74, naming: ["loop.h5", "Too many levels of symbolic links"])
    }
  }

  @Test func `too many open files are reported as such`() throws {
    let workspace = try TestWorkspace()
    for number in 10..<60 {
      try FileManager.default.copyItem(atPath: workspace["train.h5"], toPath: workspace["many-\(number).h5"])
    }
    let outcome = try launch(
      "/bin/bash",
      [
        "-c", #"ulimit -n 24 && exec "$0" "$@""#, "\(buildDirectory)/phd", "corpus", "show", "--step", "1", "--config",
        "config.json", "--set", "data.train=many-*.h5",
      ], directory: workspace.path)
    try expectError(outcome, 74, naming: ["many-", "Too many open files"])
    #expect(!outcome.error.contains("HDF5 file"))
  }

  /// Needs root, which may open everything, to run as another user, who may not.
  @Test(.enabled(if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")))
  func `files without permission are not treated as damaged, missing or empty`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let run = workspace.run()
    func train(_ arguments: [String] = []) throws -> Outcome {
      try launch(
        "/usr/bin/setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups", "\(buildDirectory)/phd-train", "config.json"] + arguments,
        environment: TestWorkspace.environment.merging(["HOME": workspace.path]) { $1 }, directory: workspace.path)
    }
    func set(_ mode: Int, _ names: String...) throws {
      for name in names {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: workspace[name])
      }
    }
    try set(0o777, "runs", "runs/tiny")
    try set(0o666, "runs/tiny/.lock", "runs/tiny/log.jsonl", "runs/tiny/config.json")
    try set(0o000, "runs/tiny/\(RunFiles.name(10))")
    let files = run.files
    let unreadable = try train()
    // Skip if the user may not run the program.
    if unreadable.status == 126 || unreadable.status == 127 { return }
    try expectError(unreadable, 74, naming: [RunFiles.name(10), "Permission denied"])
    #expect(run.files == files)

    try set(0o644, "runs/tiny/\(RunFiles.name(10))")
    try set(0o333, "runs/tiny")
    try expectError(try train(), 74, naming: ["runs/tiny", "Permission denied"])
    try set(0o777, "runs/tiny")
    #expect(run.files == files)

    try set(0o000, "train.h5")
    try expectError(try train(), 74, naming: ["train.h5", "Permission denied"])
    try set(0o644, "train.h5")
    try FileManager.default.createDirectory(atPath: workspace["hidden"], withIntermediateDirectories: false)
    try set(0o000, "hidden")
    try expectError(
      try train(["--set", "data.train=hidden/*.h5"]), 74, naming: ["hidden/*.h5", "Permission denied"])
  }
}
