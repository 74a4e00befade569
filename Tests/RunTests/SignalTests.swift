import Foundation
import TestSupport
import Testing
import Training

/// Signals that save, or save and stop.
@Suite(.serialized) struct SignalTests {
  /// A run that takes much longer than these tests.
  private let arguments = [
    "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=1000000", "--set", "validation.every_steps=30",
  ]

  @Test(arguments: [SIGTERM, SIGINT, SIGUSR2]) func `a signal to a single process saves and stops`(signal: Int32) throws
  {
    let workspace = try TestWorkspace()
    let running = try workspace.startTraining(arguments)
    try #require(running.wait { _ in workspace.run().lastStep >= 50 }, "\(running.error)")
    running.signal(signal)
    try expectStopped(try running.wait(timeout: 10), workspace)
    let goal = workspace.run().lastStep + 40
    for name in ["straight", "tiny"] {
      #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], name: name).status == 0)
    }
    try expectSame(workspace.run(), workspace.run("straight"), at: goal)
  }

  @Test(arguments: [(SIGTERM, 1), (SIGINT, 0), (SIGUSR2, 1)]) func `a signal to one of two ranks saves and stops`(
    signal: Int32, rank: Int
  ) throws {
    let workspace = try TestWorkspace()
    let running = try workspace.startTraining(arguments, ranks: 2)
    try #require(running.wait { _ in workspace.run().lastStep >= 50 }, "\(running.error)")
    let processes = running.ranks.values
    #expect(processes.count == 2)
    try running.signal(signal, rank: rank)
    try expectStopped(try running.wait(timeout: 10), workspace)
    #expect(!processes.contains(where: isAlive))
    let goal = workspace.run().lastStep + 40
    for name in ["straight", "tiny"] {
      #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], name: name, ranks: 2).status == 0)
    }
    try expectSame(workspace.run(), workspace.run("straight"), at: goal)
  }

  @Test(arguments: [nil, 2]) func `SIGUSR1 saves and continues`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let running = try workspace.startTraining(arguments, ranks: ranks)
    let run = workspace.run()
    try #require(running.wait { _ in run.lastStep >= 50 }, "\(running.error)")
    // mpirun forwards it to all ranks, which may receive it in different steps. It must count as one request.
    running.signal(SIGUSR1)
    try #require(running.wait { _ in run.checkpoints.count == 1 }, "\(running.error)")
    let saved = run.checkpoints[0]
    #expect(running.wait { _ in run.lastStep > saved + 100 })
    #expect(run.checkpoints == [saved])
    if ranks != nil {
      // Another one, to one rank only.
      sleep(3)
      try running.signal(SIGUSR1, rank: 1)
      try #require(running.wait { _ in run.checkpoints.count == 2 }, "\(running.error)")
    }
    running.signal(SIGUSR2)
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status == 75, "\(outcome.error)")
    #expect(run.checkpoints.count == (ranks == nil ? 2 : 3) && run.checkpoints[0] == saved)
    #expect(try run.records("checkpoint").map { $0["step"]?.integer } == run.checkpoints)
    #expect(try workspace.phd("checkpoint", "verify", run.checkpoint(saved)).status == 0)
  }

  @Test func `a signal before the first step saves step 0`() throws {
    let workspace = try TestWorkspace()
    let running = try workspace.startTraining(arguments)
    // The log exists once the run has started.
    try #require(running.wait { _ in FileManager.default.fileExists(atPath: workspace["runs/tiny/config.json"]) })
    running.signal(SIGTERM)
    #expect(try running.wait(timeout: 10).status == 75)
    #expect(workspace.run().checkpoints == [workspace.run().lastStep])
  }

  /// A validation that would take minutes is interrupted, and done on the next start.
  @Test(arguments: [nil, 2]) func `a signal interrupts validation, and the next start repeats it`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let run = workspace.run()
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 6000, seed: 3), to: "long.h5")
    let arguments = arguments + ["--set", "validation.sequences=6000"]
    let running = try workspace.startTraining(arguments, ranks: ranks)
    // Validation is due and has not been done.
    try #require(running.wait { _ in run.lastStep == 30 }, "\(running.error)")
    running.signal(ranks == nil ? SIGTERM : SIGUSR2)
    try expectStopped(try running.wait(timeout: 10), workspace)
    #expect(run.checkpoints == [30])
    #expect(try run.records("validation").isEmpty)
    // The next start does it but is killed before its next checkpoint. The start after that repeats it, and the log
    // has it once.
    let again = try workspace.startTraining(arguments, ranks: ranks)
    try #require(again.wait(timeout: 120) { _ in run.lastStep > 31 }, "\(again.error)")
    again.kill()
    for name in ["straight", "tiny"] {
      #expect(try workspace.train(arguments + ["--stop-after", "40"], name: name, ranks: ranks).status == 0)
    }
    #expect(try run.records("validation").count == 2)
    try expectSame(run, workspace.run("straight"), at: 40)
  }

  @Test func `a second SIGINT ends the process at once`() throws {
    let workspace = try TestWorkspace()
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 6000, seed: 3), to: "train.h5")
    // One step takes a minute.
    let running = try workspace.startTraining([
      "--set", "training.steps=10", "--set", "training.global_batch_size=60000", "--set", "log.every_steps=1",
    ])
    // Long enough for the start.
    try #require(running.wait { $0.processorSeconds > 4 }, "\(running.error)")
    running.signal(SIGINT)
    usleep(500_000)
    #expect(running.isRunning)
    running.signal(SIGINT)
    #expect(try running.wait(timeout: 5).status == 128 + SIGINT)
    #expect(workspace.run().checkpoints.isEmpty)
  }

  @Test(arguments: [nil, 3]) func `the time limit saves and stops in time`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let start = ContinuousClock.now
    let outcome = try workspace.train(arguments + ["--set", "training.time_limit=0:02"], ranks: ranks)
    #expect(outcome.status == 75 && outcome.error == "", "\(outcome.error)")
    #expect(ContinuousClock.now - start > .seconds(1.5))
    let run = workspace.run()
    #expect(run.checkpoints == [run.lastStep])
    #expect(try run.records("end").map { $0["reason"] } == ["time limit"])
  }

  @Test(arguments: [SIGINT, SIGTERM]) func `a signal to the local launcher saves and stops`(signal: Int32) throws {
    let workspace = try TestWorkspace()
    let script = fixtures.deletingLastPathComponent().deletingLastPathComponent().appending(path: "launch/local.sh")
      .path
    let running = try start(
      script, ["2", "config.json"] + arguments,
      environment: TestWorkspace.environment.merging(["PHD_TRAIN": "\(buildDirectory)/phd-train"]) { $1 },
      directory: workspace.path)
    try #require(running.wait { _ in workspace.run().lastStep >= 50 }, "\(running.error)")
    running.signal(signal)
    let outcome = try running.wait(timeout: 15)
    #expect(outcome.error == "Saving a checkpoint and stopping; repeat the signal to stop without saving.\n")
    #expect(outcome.status == 75)
    #expect(workspace.run().checkpoints.count == 1)
  }

  private func expectStopped(
    _ outcome: Outcome, _ workspace: TestWorkspace, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = workspace.run()
    #expect(outcome.status == 75, sourceLocation: sourceLocation)
    #expect(outcome.error == "", sourceLocation: sourceLocation)
    try #require(run.checkpoints.count == 1, sourceLocation: sourceLocation)
    #expect(run.checkpoints[0] == run.lastStep, sourceLocation: sourceLocation)
    #expect(try run.records("end").map { $0["reason"] } == ["signal"], sourceLocation: sourceLocation)
  }
}
