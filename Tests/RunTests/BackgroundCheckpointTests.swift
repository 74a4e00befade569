import Foundation
import JSON
import TestSupport
import Testing

/// `checkpoint.background`, `checkpoint.milestone_every_steps` and `checkpoint.every_minutes`.
@Suite(.serialized) struct BackgroundCheckpointTests {
  @Test(arguments: [(nil, false), (2, false), (2, true)]) func `background checkpoints equal those written at once`(
    ranks: Int?, sharded: Bool
  ) throws {
    let workspace = try TestWorkspace()
    let arguments = ["--set", "optimizer.sharded=\(sharded)", "--set", "checkpoint.every_steps=2"]
    for (name, background) in [("tiny", true), ("straight", false)] {
      let settings = ["--set", "checkpoint.background=\(background)"]
      // One run is uninterrupted, the other is stopped once.
      if background {
        #expect(
          try workspace.train(arguments + settings + ["--stop-after", "7"], name: name, ranks: ranks).status == 0)
      }
      let outcome = try workspace.train(arguments + settings, name: name, ranks: ranks)
      #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    }
    let (run, straight) = (workspace.run(), workspace.run("straight"))
    #expect(run.checkpoints.suffix(3) == [16, 18, 20])
    for step in [16, 18, 20] { #expect(try run.bits(step) == straight.bits(step)) }
    try expectSame(run, straight, at: 20)
    let written = try run.records("checkpoint").filter { $0["background"] == true }.compactMap { $0["step"]?.integer }
    #expect(written == [2, 4, 6, 8, 10, 12, 14, 16, 18])
  }

  @Test func `a run killed during a background checkpoint resumes from the previous one`() throws {
    let workspace = try TestWorkspace()
    let arguments = [
      "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=3", "--set", "checkpoint.background=true",
    ]
    let run = workspace.run()
    for _ in 0..<4 {
      let running = try workspace.startTraining(arguments, ranks: 2)
      let before = run.lastStep
      try #require(running.wait { _ in run.lastStep > before + 20 && run.files.contains { $0.hasSuffix(".partial") } })
      running.kill()
    }
    let goal = run.lastStep + 20
    #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], ranks: 2).status == 0)
    #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], name: "straight").status == 0)
    try expectSame(run, workspace.run("straight"), at: goal)
    #expect(try run.records("warning").isEmpty)
  }

  @Test func `the plan includes the memory of the copy`() throws {
    let workspace = try TestWorkspace()
    func plan(_ background: Bool) throws -> (all: Int, copy: Int, parameters: Int) {
      let outcome = try workspace.train(["--dry-run", "--json", "--set", "checkpoint.background=\(background)"])
      let json = try JSONValue(parsing: outcome.output)
      return (
        try #require(json["memory_bytes_per_rank"]?.integer),
        try #require(json["background_checkpoint_bytes"]?.integer),
        try #require(json["parameters"]?.integer)
      )
    }
    let (with, without) = (try plan(true), try plan(false))
    #expect(with.copy == 12 * with.parameters && without.copy == 0)
    #expect(with.all - without.all == with.copy)
  }

  @Test func `milestone checkpoints are never removed`() throws {
    let workspace = try TestWorkspace()
    let outcome = try workspace.train([
      "--set", "checkpoint.every_steps=2", "--set", "checkpoint.keep=2", "--set", "checkpoint.milestone_every_steps=7",
    ])
    #expect(outcome.status == 0)
    #expect(workspace.run().checkpoints == [7, 14, 18, 20])
    // Also after another start.
    let more = try workspace.train([
      "--set", "training.steps=24", "--set", "checkpoint.every_steps=2", "--set", "checkpoint.keep=1", "--set",
      "checkpoint.milestone_every_steps=7",
    ])
    #expect(more.status == 0)
    #expect(workspace.run().checkpoints == [7, 14, 21, 24])
  }

  @Test func `every_minutes saves checkpoints at the same steps on all ranks`() throws {
    let workspace = try TestWorkspace()
    let running = try workspace.startTraining(
      [
        "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=1000000", "--set",
        "checkpoint.every_minutes=0.002",
      ], ranks: 3)
    try #require(running.wait { _ in workspace.run().checkpoints.count >= 3 }, "\(running.error)")
    running.signal(SIGUSR2)
    #expect(try running.wait(timeout: 10).status == 75)
    let run = workspace.run()
    for step in run.checkpoints { #expect(try workspace.phd("checkpoint", "verify", run.checkpoint(step)).status == 0) }
  }
}
