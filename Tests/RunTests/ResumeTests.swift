import Foundation
import TestSupport
import Testing
import Training

/// An interrupted and resumed run equals an uninterrupted one, bit for bit.
@Suite(.serialized) struct ResumeTests {
  @Test(arguments: [nil, 2, 3]) func `ten steps and ten resumed steps equal twenty steps`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight", ranks: ranks).status == 0)
    let first = try workspace.train(["--stop-after", "10"], ranks: ranks)
    #expect(first.status == 0, "\(first.error)")
    let run = workspace.run()
    #expect(run.checkpoints == [5, 10])
    #expect(try run.records("end").map { $0["reason"]?.string } == ["stopped after"])
    let second = try workspace.train(ranks: ranks)
    #expect(second.status == 0, "\(second.error)")
    #expect(second.output.contains("resuming at step 10"))

    try expectSame(run, workspace.run("straight"), at: 20)
    #expect(try run.steps() == (1...20).map(Double.init))
    #expect(try run.steps("epoch").last == 2)
    #expect(try run.starts() == [0, 10])
    #expect(run.checkpoints == [5, 10, 15, 20])
    let validations = try run.records("validation").map { "\($0["set"]?.string ?? "") \($0["step"]?.integer ?? 0)" }
    #expect(validations == [4, 8, 12, 16, 20].flatMap { ["short \($0)", "long \($0)"] })
  }

  @Test func `stop-after saves a checkpoint at any step of a mixture`() throws {
    let workspace = try TestWorkspace()
    let mixture = #"data.train=[{"path":"train.h5","weight":2},{"path":"long.h5","weight":0.5}]"#
    #expect(try workspace.train(["--set", mixture], name: "straight").status == 0)
    for stop in ["3", "8", "9"] {
      let outcome = try workspace.train(["--set", mixture, "--stop-after", stop])
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    #expect(try workspace.train(["--set", mixture]).status == 0)
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
    #expect(try workspace.run().starts() == [0, 3, 8, 9])
  }

  @Test func `threads and recomputation do not change the results`() throws {
    let workspace = try TestWorkspace()
    let wide = ["--set", "training.micro_batch_size=3"]
    #expect(try workspace.train(wide, name: "straight").status == 0)
    #expect(try workspace.train(wide + ["--set", "training.threads=3"], name: "threads").status == 0)
    #expect(try workspace.train(wide + ["--set", "training.recompute=block"], name: "recompute").status == 0)
    // They may also change on a resume.
    #expect(try workspace.train(wide + ["--stop-after", "7"], name: "changing").status == 0)
    let changed = wide + ["--set", "training.threads=2", "--set", "training.recompute=block"]
    let outcome = try workspace.train(changed, name: "changing")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("training.threads: 1 → 2"))
    #expect(outcome.output.contains(#"training.recompute: "none" → "block""#))
    for name in ["threads", "recompute", "changing"] {
      try expectSame(workspace.run(name), workspace.run("straight"), at: 20)
    }
    #expect(try workspace.run("threads").records("run").first?["threads"] == 3)
  }

  @Test func `starting a finished run again changes nothing`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight").status == 0)
    #expect(try workspace.train().status == 0)
    let run = workspace.run()
    try workspace.write("", to: "runs/tiny/note.partial")
    let files = run.files.filter { $0 != ".lock" }
    let before = try files.map { try workspace.bytes(of: "runs/tiny/\($0)") }
    for (arguments, ranks, message) in [
      ([], nil, "all 20 steps are done"), ([], 2, "all 20 steps are done"),
      (["--stop-after", "7"], nil, "raise training.steps"),
      (["--set", "training.steps=10"], nil, "all 10 steps are done (the checkpoint is of step 20)"),
      (["--set", "checkpoint.keep=1", "--set", "log.tensorboard=true"], nil, "all 20 steps are done"),
    ] as [([String], Int?, String)] {
      let again = try workspace.train(arguments, ranks: ranks)
      #expect(again.status == 0, "\(again.error)")
      #expect(again.output.contains(message), "\(again.output)")
      #expect(again.error.isEmpty || arguments.contains("training.steps=10"), "\(again.error)")
      #expect(run.files.filter { $0 != ".lock" } == files)
      #expect(try files.map { try workspace.bytes(of: "runs/tiny/\($0)") } == before)
    }
    try expectSame(run, workspace.run("straight"), at: 20)
    #expect(try run.starts() == [0])
  }

  @Test func `log records after the last checkpoint are removed`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train().status == 0)
    let steps = try workspace.run().steps()
    // Simulates a longer run that was killed before its next checkpoint.
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: workspace["runs/tiny/log.jsonl"]))
    try file.seekToEnd()
    try file.write(contentsOf: Data("{\"event\":\"step\",\"step\":21,\"loss\":3}\n".utf8))
    try file.close()
    #expect(try workspace.train().status == 0)
    #expect(try workspace.run().steps() == steps)
    #expect(try workspace.run().records("end").last?["step"] == 20)
  }

  @Test func `a changed number of steps causes a warning with the learning rates`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let finished = try workspace.train(["--set", "training.steps=9"])
    #expect(finished.error.contains("training.steps was 20, is 9, and the checkpoint is of step 10"))
    let shorter = try workspace.train(["--set", "training.steps=12"])
    #expect(shorter.status == 0, "\(shorter.error)")
    let rates = try workspace.run().steps("learning_rate")
    #expect(
      shorter.error.contains(
        "training.steps was 20, is 12: the learning rate of step 11 is \(rates[10]), that of step 10 was \(rates[9])"),
      "\(shorter.error)")
    #expect(!shorter.error.contains("stretched"))
    // With the constant schedule, the rate does not change.
    let constant = ["--set", "schedule.kind=constant", "--set", "schedule.final_fraction=null"]
    #expect(try workspace.train(constant + ["--stop-after", "6"], name: "constant").status == 0)
    let longer = try workspace.train(constant + ["--set", "training.steps=30", "--stop-after", "7"], name: "constant")
    #expect(longer.error.contains("the learning rate of step 7 stays 0.01"), "\(longer.error)")
  }

  @Test func `extending a run after its decay causes a warning, and the checkpoint before the decay is kept`() throws {
    let workspace = try TestWorkspace()
    let wsd = [
      "schedule.kind=wsd", "schedule.decay_steps=8", "schedule.final_fraction=0", "checkpoint.every_steps=5",
      "checkpoint.keep=1",
    ].flatMap { ["--set", $0] }
    #expect(try workspace.train(wsd).status == 0)
    let run = workspace.run()
    #expect(run.checkpoints == [12, 20])
    let outcome = try workspace.train(wsd + ["--set", "training.steps=30", "--stop-after", "26"])
    #expect(outcome.status == 0, "\(outcome.error)")
    for part in [
      "the learning rate of step 21 is 0.01, that of step 20 was 0.0", "the decay that started after step 12",
      "--resume \("runs/tiny/\(RunFiles.name(12))")",
    ] { #expect(outcome.error.contains(part), "\(outcome.error)") }
    // The checkpoints before both decays.
    #expect(run.checkpoints == [12, 22, 26])
    // After following the advice, the rate does not jump.
    let again = try workspace.train(wsd + ["--set", "training.steps=30", "--resume", run.checkpoint(12)])
    #expect(again.status == 0, "\(again.error)")
    #expect(again.error.contains("the learning rate of step 13 is 0.01, that of step 12 was 0.01"), "\(again.error)")
    #expect(try run.steps("learning_rate")[12..<22].allSatisfy { $0 == 0.01 })
    #expect(run.checkpoints == [12, 22, 30])
  }

  @Test func `raising steps continues a finished run`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train().status == 0)
    let outcome = try workspace.train(["--set", "training.steps=26"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("training.steps was 20, is 26"))
    #expect(outcome.error.split(separator: "\n").count == 1)
    let run = workspace.run()
    #expect(try run.steps() == (1...26).map(Double.init))
    #expect(try run.starts() == [0, 20])
    #expect(run.checkpoints == [5, 10, 15, 20, 25, 26])
    #expect(try run.records("warning").contains { $0["message"]?.string?.contains("training.steps") == true })
  }

  @Test func `resuming from a given checkpoint sets later ones aside`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight").status == 0)
    #expect(try workspace.train().status == 0)
    let outcome = try workspace.train(["--resume", "runs/tiny/\(RunFiles.name(10))", "--stop-after", "12"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let run = workspace.run()
    #expect(run.checkpoints == [5, 10, 12])
    #expect(try run.steps() == (1...12).map(Double.init))
    #expect(try workspace.train().status == 0)
    #expect(run.checkpoints == [5, 10, 12, 15, 20])
    try expectSame(run, workspace.run("straight"), at: 20)
  }

  @Test func `setting checkpoints aside overwrites no file`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train().status == 0)
    let run = workspace.run()
    let first = try workspace.bytes(of: "runs/tiny/\(RunFiles.name(20))")
    var contents: Set<[UInt8]> = [first]
    for end in [20, 18, 19, 17] {
      let outcome = try workspace.train(["--resume", run.checkpoint(10), "--stop-after", "\(end)"])
      #expect(outcome.status == 0, "\(outcome.error)")
      contents.insert(try workspace.bytes(of: "runs/tiny/\(RunFiles.name(end))"))
      #expect(run.checkpoints == [5, 10, 15, end].sorted())
    }
    let aside = run.files.filter { $0.contains(".passed-over") }
    #expect(
      aside.filter { $0.hasPrefix(RunFiles.name(20)) } == ["", "-2"].map { "\(RunFiles.name(20)).passed-over\($0)" })
    #expect(
      aside.filter { $0.hasPrefix(RunFiles.name(15)) }
        == ["", "-2", "-3", "-4"].map { "\(RunFiles.name(15)).passed-over\($0)" })
    let kept = Set(try run.files.filter { $0.contains(".h5") }.map { try workspace.bytes(of: "runs/tiny/\($0)") })
    #expect(contents.isSubset(of: kept))
    // An existing link also counts as a file.
    try FileManager.default.createSymbolicLink(
      atPath: run.checkpoint(15) + ".passed-over-5", withDestinationPath: "nowhere")
    #expect(try workspace.train(["--resume", run.checkpoint(10), "--stop-after", "11"]).status == 0)
    #expect(run.files.contains("\(RunFiles.name(15)).passed-over-6"))
  }

  @Test func `a given file of the same step replaces the folder's own, which is set aside`() throws {
    let workspace = try TestWorkspace()
    let other = ["--set", "training.precision=fp32", "--set", "log.every_steps=2"]
    #expect(try workspace.train(other + ["--stop-after", "10"], name: "other").status == 0)
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let own = try workspace.bytes(of: "runs/tiny/\(RunFiles.name(10))")
    #expect(
      try workspace.train(["--resume", workspace.run("other").checkpoint(10), "--stop-after", "10"]).status == 0)
    #expect(try workspace.bytes(of: "runs/tiny/\(RunFiles.name(10)).passed-over") == own)
    #expect(workspace.run().checkpoints == [5, 10])
  }

  @Test func `a new run can resume from a checkpoint in another folder`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(name: "straight").status == 0)
    let outcome = try workspace.train(["--resume", "runs/straight/\(RunFiles.name(15))"], ranks: 2)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try workspace.run().steps() == (16...20).map(Double.init))
    #expect(try workspace.run().starts() == [15])
    #expect(workspace.run("straight").checkpoints == [5, 10, 15, 20])
  }

  @Test func `only the newest checkpoints are kept`() throws {
    let workspace = try TestWorkspace()
    let arguments = ["--set", "checkpoint.keep=2", "--set", "checkpoint.every_steps=3"]
    #expect(try workspace.train(arguments).status == 0)
    #expect(workspace.run().checkpoints == [18, 20])
    #expect(try workspace.run().records("checkpoint").compactMap { $0["step"]?.integer } == [3, 6, 9, 12, 15, 18, 20])
    #expect(workspace.run().files == [".lock", "config.json", "log.jsonl", RunFiles.name(18), RunFiles.name(20)])
  }
}
