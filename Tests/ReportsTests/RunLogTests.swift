import Foundation
import JSON
import TestSupport
import Testing
import Training

@testable import Reports

@Suite struct RunLogTests {
  private func read(_ lines: [String], ending: String = "\n") throws -> RunLog {
    let folder = try TemporaryFolder()
    try write((lines.joined(separator: "\n") + ending).utf8, to: folder.path + "/log.jsonl")
    return try RunLog(path: folder.path)
  }

  @Test func `a run is read from its records, and unknown events are ignored`() throws {
    var log = TestLog.run(1...10)
    log.add(["event": "validation", "step": 10, "set": "books", "loss": 2.5])
    log.add(["event": "task", "step": 10, "task": "piqa", "acc": 0.5])
    log.add(["event": "warning", "step": 10, "message": "hot"])
    log.add(["event": "checkpoint", "step": 10, "path": "x", "seconds": 1.5])
    log.add(["event": "skipped", "step": 11, "reason": "not_finite", "loss": nil, "skipped": 1])
    log.add(["event": "eclipse", "step": 11])
    log.add(["event": "end", "step": 11, "reason": "signal"])
    log.add(["event": "run", "resumed_from_step": 10, "flops_per_step": 1_000_000])
    let run = try read(log.lines)
    #expect(run.steps.map(\.step) == Array(1...10) && run.problems.isEmpty && run.unreadableLines == 0)
    #expect(run.validations == [RunLog.Validation(step: 10, set: "books", loss: 2.5)])
    #expect(run.tasks.count == 1 && run.warnings == ["hot"] && run.skipped.count == 1 && run.savingSeconds == 1.5)
    #expect(run.starts.count == 2 && run.resumes == [10] && run.end == nil)
    #expect(run.elapsed.last == 5 && run.positions(.flops)?.last == 10e6 && run.positions(.tokens)?.first == 4096)
    #expect(run.positions(of: [5, 20], .tokens) == [20480, 81920])

    let summary = LogSummary(run).json
    #expect(summary["steps"] == 10 && summary["skipped_steps"] == 1 && summary["seconds"]?.number == 5)
    #expect(summary["best_loss"]?.number == run.steps.map { $0[.loss] }.min())
    #expect(summary["resumed_from"] == [10])
    #expect(LogSummary(run).text.contains("1 step (1 not_finite): 11"))
  }

  @Test func `steps without a record count in the time`() throws {
    let lines = TestLog.run(1...30).lines
    let run = try read([lines[0]] + (1...3).map { lines[$0 * 10] })
    #expect(run.steps.map(\.step) == [10, 20, 30] && run.elapsed == [5, 10, 15])
    #expect(run.positions(of: [15], .time) == [7.5])
  }

  @Test func `damaged lines are reported, and the rest is read`() throws {
    let lines = TestLog.run(1...20).lines
    let cut = try read(lines, ending: "\n{\"event\":\"step\",\"st")
    #expect(cut.steps.count == 20 && cut.problems == ["a line after step 20 cannot be read"])

    let garbage = try read(Array(lines[..<8]) + ["\u{0}\u{1}garbage", "[1]", "{}"] + lines[8...])
    #expect(garbage.steps.count == 20 && garbage.unreadableLines == 3)
    #expect(garbage.problems == ["3 lines cannot be read, the first after step 7"])

    let twice = try read(lines.flatMap { [$0, $0] })
    #expect(twice.steps.map(\.step) == Array(1...20) && twice.problems.count == 1)
    #expect(twice.problems[0].hasPrefix("20 steps were recorded"))

    for (place, step) in [(6, 900), (15, 3)] {
      var changed = lines
      changed[place] = TestLog.run(step...step).lines[1]
      let stray = try read(changed)
      #expect(stray.steps.map(\.step) == (1...20).filter { $0 != place }, "\(place)")
      #expect(stray.problems == ["1 step was out of order and ignored"])
    }

    for empty in ["", "\n\n", "\u{FF}\n"] {
      let run = try read([empty])
      #expect(run.steps.isEmpty)
      #expect(LogSummary(run).json["last_loss"] == .null && LogSummary(run).text.contains("0 steps"))
    }
  }

  @Test func `the later of two runs in one file is used, with a note`() throws {
    var first = TestLog.run(1...30)
    first.add(["event": "validation", "step": 30, "set": "books", "loss": 9])
    let second = TestLog.run(1...12, offset: 1)
    for lines in [first.lines + second.lines, first.lines + second.lines.dropFirst()] {
      let run = try read(lines)
      #expect(run.steps.map(\.step) == Array(1...12) && run.validations.isEmpty)
      #expect(run.steps[4][.loss] > 3 + 4 / 5.0.squareRoot() - 0.5)
      #expect(run.problems.count == 1 && run.problems[0].contains("from step 30 to step 1"))
    }
    // A resumed run whose log was not truncated.
    let resumed = try read(first.lines + TestLog.run(21...40, offset: 1).lines)
    #expect(resumed.steps.map(\.step) == Array(1...40) && resumed.validations.isEmpty && resumed.problems.count == 1)
    #expect(resumed.steps[20][.loss] > resumed.steps[19][.loss] + 0.5)
  }

  @Test func `any damaged log is read in order`() throws {
    var log = TestLog.run(1...40)
    log.add(["event": "validation", "step": 40, "set": "books", "loss": 2.5])
    log.lines += TestLog.run(41...60).lines
    let whole = Array(log.lines.map { $0 + "\n" }.joined().utf8)
    let folder = try TemporaryFolder()
    let path = folder.path + "/log.jsonl"
    var random = SplitMix(state: 9)
    for _ in 0..<300 {
      try write(damaged(whole, with: &random), to: path)
      let run = try RunLog(path: path)
      let steps = run.steps.map(\.step)
      #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 < $1 } && run.elapsed.count == steps.count)
      #expect(!LogSummary(run).text.isEmpty && !RunPlot([run]).chart(.loss).svg().isEmpty)
    }
  }

  @Test func `extreme and missing numbers are reported as such`() throws {
    let lines = [
      #"{"event":"run","resumed_from_step":9223372036854775807,"time":"2026-01-02T03:04:05Z","flops_per_step":1e300}"#,
      #"{"event":"step","step":1,"loss":1e20,"gradient_norm":1e17,"tokens":"inf"}"#,
      #"{"event":"step","step":2,"loss":3,"gradient_norm":1,"tokens":"nan"}"#,
      #"{"event":"validation","step":-1,"set":"books","loss":"nan"}"#,
      #"{"event":"validation","step":9223372036854775807,"set":"books","loss":2}"#,
      #"{"event":"validation","step":9223372036854775806,"set":"books","loss":4}"#,
    ]
    let run = try read(lines)
    let summary = LogSummary(run)
    #expect(run.tokens == nil && run.seconds == nil)
    #expect(summary.json["tokens"] == .null && summary.json["seconds"] == .null)
    #expect(summary.text.contains("2e+300 floating-point") && !summary.text.contains("tokens"))
    #expect(summary.text.contains("best 2.0000") || summary.text.contains("2.0000 on books"))
    #expect(!summary.text.contains("best nan"))
    let comparison = LogComparison([run, try read(Array(lines[..<2])), try read(Array(lines[..<1]))])
    #expect(!comparison.text.contains("tokens,") && !comparison.text.contains("nan"))
    #expect(!RunPage([run]).html.isEmpty)
    let folder = try TemporaryFolder()
    #expect(try LogExport.tensorBoard(run, to: folder.path).scalars > 0)
    for measure in RunMeasure.allCases { #expect(!RunPlot([run]).chart(measure).svg().isEmpty) }
  }

  @Test func `the best measurement is finite`() throws {
    var log = TestLog.run(1...3)
    for (step, loss) in [(1, JSONValue.string("nan")), (2, 2.5), (3, 3)] {
      log.add(["event": "validation", "step": .integer(step), "set": "books", "loss": loss])
    }
    #expect(LogSummary(try read(log.lines)).text.contains("3.0000 on books at step 3, best 2.5000 at step 2"))
  }

  @Test func `an unreadable configuration is reported, and a missing one is not`() throws {
    let folder = try TemporaryFolder()
    let path = try TestLog.run(1...3).write(to: folder, "run")
    #expect(try RunLog(path: path).problems.isEmpty)
    try write("{\"name\": ".utf8, to: path + "/config.json")
    let run = try RunLog(path: path)
    #expect(
      run.name == "run" && run.problems.count == 1 && run.problems[0].contains("config.json in its folder is not JSON"))
  }

  @Test func `new records are read, and a truncated log is read again`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/log.jsonl"
    let lines = TestLog.run(1...20).lines.map { $0 + "\n" }
    try write(lines[...5].joined().utf8, to: path)
    var records = try LogRecords(path: folder.path)
    #expect(try !records.readNew())
    for ending in [
      "{\"event\":\"step\",\"step\":6,\"los", "{\"event\":\"run\"}", lines[6].prefix { $0 != "\n" }.description,
    ] {
      try write((lines[...5].joined() + ending).utf8, to: path)
      var begun = try LogRecords(path: folder.path)
      try write(lines[...9].joined().utf8, to: path)
      #expect(try begun.readNew())
      let run = RunLog(begun)
      #expect(run.steps.map(\.step) == Array(1...9) && run.problems.isEmpty && run.starts.count == 1, "\(ending)")
    }
    // An incomplete line is read later.
    try write((lines[...9].joined() + lines[10].prefix(40)).utf8, to: path)
    #expect(try records.readNew())
    #expect(RunLog(records).steps.count == 9 && RunLog(records).problems.isEmpty)
    try write(lines[...20].joined().utf8, to: path)
    #expect(try records.readNew())
    #expect(RunLog(records).steps.map(\.step) == Array(1...20))
    try write(lines[...3].joined().utf8, to: path)
    #expect(try records.readNew())
    #expect(RunLog(records).steps.map(\.step) == Array(1...3))
  }
}
