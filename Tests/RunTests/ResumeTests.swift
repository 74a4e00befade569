import Foundation
import TestSupport
import Testing
import Training

/// A run that was interrupted and went on is the run that was not, bit for bit.
@Suite(.serialized) struct ResumeTests {
  @Test(arguments: [nil, 2, 3]) func `ten steps and ten more are twenty`(ranks: Int?) throws {
    let workplace = try Workplace()
    #expect(try workplace.train(name: "straight", ranks: ranks).status == 0)
    let first = try workplace.train(["--stop-after", "10"], ranks: ranks)
    #expect(first.status == 0, "\(first.error)")
    let run = workplace.run()
    #expect(run.checkpoints == [5, 10])
    #expect(try run.records("end").map { $0["reason"]?.string } == ["stopped after"])
    let second = try workplace.train(ranks: ranks)
    #expect(second.status == 0, "\(second.error)")
    #expect(second.output.contains("resuming at step 10"))

    try expectSame(run, workplace.run("straight"), at: 20)
    #expect(try run.steps() == (1...20).map(Double.init))
    #expect(try run.steps("epoch").last == 2)
    #expect(try run.starts() == [0, 10])
    #expect(run.checkpoints == [5, 10, 15, 20])
    let validations = try run.records("validation").map { "\($0["set"]?.string ?? "") \($0["step"]?.integer ?? 0)" }
    #expect(validations == [4, 8, 12, 16, 20].flatMap { ["short \($0)", "long \($0)"] })
  }

  @Test func `stopping where there is no checkpoint otherwise, over a mixture of corpora`() throws {
    let workplace = try Workplace()
    let mixture = #"data.train=[{"path":"train.h5","weight":2},{"path":"long.h5","weight":0.5}]"#
    #expect(try workplace.train(["--set", mixture], name: "straight").status == 0)
    for stop in ["3", "8", "9"] {
      let outcome = try workplace.train(["--set", mixture, "--stop-after", stop])
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    #expect(try workplace.train(["--set", mixture]).status == 0)
    try expectSame(workplace.run(), workplace.run("straight"), at: 20)
    #expect(try workplace.run().starts() == [0, 3, 8, 9])
  }

  @Test func `neither threads nor recomputation change a bit`() throws {
    let workplace = try Workplace()
    let wide = ["--set", "training.micro_batch_size=3"]
    #expect(try workplace.train(wide, name: "straight").status == 0)
    #expect(try workplace.train(wide + ["--set", "training.threads=3"], name: "threads").status == 0)
    #expect(try workplace.train(wide + ["--set", "training.recompute=block"], name: "recompute").status == 0)
    // And they may change on the way.
    #expect(try workplace.train(wide + ["--stop-after", "7"], name: "changing").status == 0)
    let changed = wide + ["--set", "training.threads=2", "--set", "training.recompute=block"]
    let outcome = try workplace.train(changed, name: "changing")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("training.threads: 1 → 2"))
    #expect(outcome.output.contains(#"training.recompute: "none" → "block""#))
    for name in ["threads", "recompute", "changing"] {
      try expectSame(workplace.run(name), workplace.run("straight"), at: 20)
    }
    #expect(try workplace.run("threads").records("run").first?["threads"] == 3)
  }

  @Test func `a finished run typed again changes nothing`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(name: "straight").status == 0)
    #expect(try workplace.train().status == 0)
    let run = workplace.run()
    let before = try workplace.bytes(of: "runs/tiny/\(RunFiles.name(20))")
    let again = try workplace.train()
    #expect(again.status == 0, "\(again.error)")
    #expect(again.output.contains("all 20 steps are done"))
    #expect(try workplace.bytes(of: "runs/tiny/\(RunFiles.name(20))") == before)
    #expect(run.checkpoints == [5, 10, 15, 20])
    try expectSame(run, workplace.run("straight"), at: 20)
    #expect(try run.starts() == [0, 20])
  }

  @Test func `a finished run goes on when steps is raised`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train().status == 0)
    let outcome = try workplace.train(["--set", "training.steps=26"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("training.steps was 20, is 26"))
    #expect(outcome.error.split(separator: "\n").count == 1)
    let run = workplace.run()
    #expect(try run.steps() == (1...26).map(Double.init))
    #expect(try run.starts() == [0, 20])
    #expect(run.checkpoints == [5, 10, 15, 20, 25, 26])
    #expect(try run.records("warning").contains { $0["message"]?.string?.contains("training.steps") == true })
  }

  @Test func `a checkpoint that is named is resumed, and later ones are out of the way`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(name: "straight").status == 0)
    #expect(try workplace.train().status == 0)
    let outcome = try workplace.train(["--resume", "runs/tiny/\(RunFiles.name(10))", "--stop-after", "12"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let run = workplace.run()
    #expect(run.checkpoints == [5, 10, 12])
    #expect(try run.steps() == (1...12).map(Double.init))
    #expect(try workplace.train().status == 0)
    #expect(run.checkpoints == [5, 10, 12, 15, 20])
    try expectSame(run, workplace.run("straight"), at: 20)
  }

  @Test func `a checkpoint of another folder begins a run that goes on from it`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(name: "straight").status == 0)
    let outcome = try workplace.train(["--resume", "runs/straight/\(RunFiles.name(15))"], ranks: 2)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try workplace.run().steps() == (16...20).map(Double.init))
    #expect(try workplace.run().starts() == [15])
    #expect(workplace.run("straight").checkpoints == [5, 10, 15, 20])
  }

  @Test func `only the newest checkpoints are kept`() throws {
    let workplace = try Workplace()
    let arguments = ["--set", "checkpoint.keep=2", "--set", "checkpoint.every_steps=3"]
    #expect(try workplace.train(arguments).status == 0)
    #expect(workplace.run().checkpoints == [18, 20])
    #expect(try workplace.run().records("checkpoint").compactMap { $0["step"]?.integer } == [3, 6, 9, 12, 15, 18, 20])
    #expect(workplace.run().files == [".lock", "config.json", "log.jsonl", RunFiles.name(18), RunFiles.name(20)])
  }
}
