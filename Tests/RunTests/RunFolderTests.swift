import Foundation
import TestSupport
import Testing
import Training

/// The folder of a run: its lock, existing files, and failures to write.
@Suite(.serialized) struct RunFolderTests {
  @Test func `a second job on the folder names the first`() throws {
    let workspace = try TestWorkspace()
    let long = ["--set", "training.steps=1000000", "--set", "checkpoint.every_steps=1000000"]
    let first = try workspace.startTraining(long)
    try #require(first.wait { _ in workspace.run().lastStep >= 10 }, "\(first.error)")
    let outcome = try workspace.train(long, ranks: 2, timeout: 25)
    try expectError(
      outcome, 74, naming: ["runs/tiny", "process \(first.processIdentifier)", ProcessInfo.processInfo.hostName])
    #expect(first.isRunning)
    // When the first job ends, the waiting job continues.
    let second = try workspace.startTraining(["--set", "training.steps=1000000", "--stop-after", "1"])
    usleep(1_000_000)
    first.signal(SIGTERM)
    #expect(try first.wait(timeout: 10).status == 75)
    let last = try second.wait(timeout: 20)
    #expect(last.status == 0, "\(last.error)")
    // It waited. The only work left may be a validation that the signal interrupted.
    #expect(last.output.contains("folder       runs/tiny"))
  }

  @Test(arguments: [nil, 2]) func `a file at the folder's path is an error`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    try workspace.write("", to: "runs")
    try expectError(try workspace.train(ranks: ranks), 74, naming: ["runs/tiny", "Not a directory"])
    try expectError(try workspace.train(["--set", "checkpoint.directory=/proc/x"]), 74, naming: ["/proc/x/tiny"])
  }

  @Test(arguments: [nil, 2]) func `resume never is refused if the folder has a run`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--resume", "never", "--stop-after", "5"], ranks: ranks).status == 0)
    try expectError(
      try workspace.train(["--resume", "never"], ranks: ranks), 64, naming: ["never", "runs/tiny", "--overwrite"])
    #expect(workspace.run().checkpoints == [5])
    let anew = ["--overwrite", "--set", "seed=7", "--stop-after", "4"]
    #expect(try workspace.train(["--resume", "never"] + anew, ranks: ranks).status == 0)
    #expect(workspace.run().checkpoints == [4])
    #expect(try workspace.run().starts() == [0])
    #expect(try workspace.train(["--set", "seed=7", "--stop-after", "6"], ranks: ranks).status == 0)
    #expect(try workspace.train(anew, ranks: ranks).status == 0)
    #expect(workspace.run().checkpoints == [4])
    #expect(try workspace.run().steps() == [1, 2, 3, 4])
  }

  @Test func `overwrite removes nothing if the new run cannot start`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "5"]).status == 0)
    let before = workspace.run().files
    for (arguments, status) in [
      (["--initialize-from", "nowhere.h5"], Int32(66)), (["--resume", "nowhere.h5"], 66),
      (["--set", "data.train=nowhere.h5"], 66), (["--set", "training.steps=no"], 64),
    ] {
      #expect(try workspace.train(["--overwrite"] + arguments).status == status)
      #expect(workspace.run().files == before)
    }
    // The initial weights may come from the old run.
    let own = try workspace.train(
      ["--overwrite", "--initialize-from", "runs/tiny/\(RunFiles.name(5))", "--stop-after", "2"])
    #expect(own.status == 0, "\(own.error)")
    #expect(workspace.run().checkpoints == [2])
    #expect(workspace.run().files.contains("\(RunFiles.name(5)).passed-over"))
    #expect(try workspace.run().steps() == [1, 2])
    // So may the checkpoint to resume from.
    let resumed = try workspace.train(
      ["--overwrite", "--resume", "runs/tiny/\(RunFiles.name(2))", "--stop-after", "2"], ranks: 2)
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(workspace.run().checkpoints == [2])
    #expect(try workspace.run().starts() == [2])
  }

  @Test func `exporting a model into a run's folder is refused`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "5"]).status == 0)
    let configuration = try workspace.bytes(of: "runs/tiny/config.json")
    try expectError(
      try workspace.phd("checkpoint", "export", workspace.run().checkpoint(5), "--to", "runs/tiny"), 64,
      naming: ["--to runs/tiny", "a run's folder"])
    #expect(try workspace.bytes(of: "runs/tiny/config.json") == configuration)
    #expect(try workspace.phd("checkpoint", "export", workspace.run().checkpoint(5), "--to", "model").status == 0)
  }

  @Test func `closing standard output does not end the run`() throws {
    let workspace = try TestWorkspace()
    let outcome = try launch(
      "/bin/bash",
      ["-c", #""$0" config.json | head -n 1; exit ${PIPESTATUS[0]}"#, "\(buildDirectory)/phd-train"],
      environment: TestWorkspace.environment, directory: workspace.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(workspace.run().checkpoints == [5, 10, 15, 20])
  }

  @Test(arguments: [false, true])
  func `after non-finite numbers, the last valid checkpoint remains, even one still being written`(background: Bool)
    throws
  {
    let workspace = try TestWorkspace()
    let arguments = [
      "--set", "optimizer.learning_rate=1000", "--set", "optimizer.weight_decay=10", "--set",
      "training.gradient_clip=null", "--set", "checkpoint.every_steps=1", "--set",
      "checkpoint.background=\(background)",
    ]
    let outcome = try workspace.train(arguments, ranks: 2, timeout: 20)
    try expectError(outcome, 70, naming: ["step", "loss", "optimizer.learning_rate"])
    let run = workspace.run()
    let last = try #require(run.checkpoints.last)
    #expect(try run.steps().last == Double(last))
    #expect(try run.records("end").count == 1)
    #expect(!run.files.contains { $0.hasSuffix(".partial") })
    #expect(try workspace.phd("checkpoint", "verify", run.checkpoint(last)).status == 0)
  }
}
