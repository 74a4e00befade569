import Foundation
import JSON
import TestSupport
import Testing

/// Weighted corpora, and `data.stages`.
@Suite(.serialized) struct MixtureTests {
  /// train.h5 and long.h5 up to step 7, then long.h5 and short.h5, whose samples repeat.
  private static let staged = [
    #"data.train=[{"path":"train.h5","weight":3},{"path":"long.h5","weight":1.5}]"#,
    #"data.stages=[{"from_step":8,"train":[{"path":"long.h5","weight":2},"short.h5"]},{"from_step":15,"train":"train.h5"}]"#,
    "training.global_batch_size=8", "optimizer.learning_rate=1e-3",
  ].flatMap { ["--set", $0] }

  @Test func `stages give the same results on 1, 2 and 8 ranks and across resumes`() throws {
    let workspace = try TestWorkspace()
    for (name, ranks) in [("one", 1), ("two", 2), ("eight", 8)] {
      let outcome = try workspace.train(Self.staged, name: name, ranks: ranks)
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    let one = workspace.run("one")
    for name in ["two", "eight"] {
      #expect(try workspace.run(name).steps("epoch") == one.steps("epoch"))
      for (found, expected) in zip(try workspace.run(name).steps("loss"), try one.steps("loss")) {
        #expect(abs(found - expected) < 1e-5 * expected)
      }
    }
    // Stop inside a stage, at its end, and in the next one.
    for stop in ["5", "7", "16"] {
      #expect(try workspace.train(Self.staged + ["--stop-after", stop], ranks: 2).status == 0)
    }
    #expect(try workspace.train(Self.staged, ranks: 2).status == 0)
    try expectSame(workspace.run(), workspace.run("two"), at: 20)
  }

  @Test func `only stages that have not started may change`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(Self.staged, name: "straight").status == 0)
    let first = Array(Self.staged[..<2]) + Array(Self.staged[4...])
    #expect(try workspace.train(first + ["--stop-after", "7"]).status == 0)
    let outcome = try workspace.train(Self.staged)
    #expect(outcome.status == 0 && outcome.output.contains("data.stages"))
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
    try expectError(
      try workspace.train(first + ["--set", "training.steps=21"]), 64, naming: ["data.stages", "short.h5"])
    let other = Self.staged.map { $0.replacing(#""weight":2"#, with: #""weight":5"#) }
    try expectError(
      try workspace.train(other + ["--set", "training.steps=21"]), 64,
      naming: ["data.stages[0].train[0].weight", "5.0", "2.0"])
  }

  /// The samples listed by `phd corpus show` match the weights at every step and between any two steps.
  @Test func `every prefix and every window of samples has the configured shares`() throws {
    let workspace = try TestWorkspace()
    let shares: [[String: Double]] =
      Array(repeating: ["train.h5": 2.0 / 3, "long.h5": 1.0 / 3], count: 7)
      + Array(repeating: ["long.h5": 2.0 / 3, "short.h5": 1.0 / 3], count: 7)
      + Array(repeating: ["train.h5": 1.0], count: 3)
    var excess: [String: Double] = [:]
    var (least, most) = (excess, excess)
    var visits: [String: [Int]] = [:]
    for (step, share) in shares.enumerated() {
      let samples = try show(workspace, step: step + 1, Self.staged)["samples"]?.array ?? []
      #expect(samples.count == 8)
      for sample in samples {
        let path = try #require(sample["path"]?.string)
        for (name, share) in share { excess[name, default: 0] -= share }
        excess[path, default: 0] += 1
        for (name, value) in excess {
          (least[name], most[name]) = (min(least[name] ?? 0, value), max(most[name] ?? 0, value))
        }
        let epoch = try #require(sample["epoch"]?.integer)
        visits["\(path) \(epoch)", default: []].append(try #require(sample["sample"]?.integer))
      }
    }
    for (name, value) in most { #expect(value < 1 && (least[name] ?? 0) > -1 && value - (least[name] ?? 0) < 2) }
    // Every sample occurs once per epoch, across stages: 19 of short.h5's 3, 56 of long.h5's 9.
    #expect(visits["short.h5 5"]?.sorted() == [0, 1, 2])
    #expect(visits["long.h5 0"]?.sorted() == Array(0..<9) && visits["long.h5 4"]?.sorted() == Array(0..<9))
    #expect(visits["train.h5 0"]?.sorted() == Array(0..<47))
  }

  // MARK: phd corpus show

  private func show(_ workspace: TestWorkspace, step: Int, _ settings: [String]) throws -> JSONValue {
    let outcome = try launch(
      "phd", ["corpus", "show", "--step", "\(step)", "--config", "config.json", "--json"] + settings,
      directory: workspace.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    return try JSONValue(parsing: outcome.output)
  }

  @Test func `corpus show lists the batch of a step`() throws {
    let workspace = try TestWorkspace()
    let texts = ["one two three\n", "", "four", "five six seven eight nine ten eleven twelve\n", "13"]
    let lines = try texts.map { "{\"text\":\(try String(decoding: JSONEncoder().encode($0), as: UTF8.self))}\n" }
    try workspace.write(lines.joined(), to: "texts.jsonl")
    #expect(try workspace.phd("corpus", "build", "texts.jsonl", "--output", "t.h5", "--tokenizer", "bytes").status == 0)
    let settings = ["data.train=t.h5", "data.sequence_length=9"].flatMap { ["--set", $0] }
    // 14 + 1, 1, 4 + 1, 44 + 1, 2 + 1 tokens: 7 samples of 10, in batches of 6.
    let starts = [0, 15, 16, 21, 66, 69]
    let all = texts.flatMap { Array($0.utf8).map { Int($0) } + [256] }
    var seen: [Int] = []
    for step in 1...14 {
      for sample in try show(workspace, step: step, settings)["samples"]?.array ?? [] {
        let first = try #require(sample["first_token"]?.integer)
        seen.append(try #require(sample["sample"]?.integer))
        #expect(first == 9 * (seen.last ?? -1))
        #expect(sample["tokens"]?.array?.map(\.integer) == all[first..<first + 10].map { $0 })
        var place = first
        for part in try #require(sample["documents"]?.array) {
          let (number, count) = (part["document"]?.integer ?? -1, part["tokens"]?.integer ?? 0)
          #expect(part["first_token"]?.integer == place && place >= starts[number])
          #expect(part["begins_before"] == .bool(place > starts[number]))
          #expect(part["ends_behind"] == .bool(place + count < starts[number + 1]))
          #expect(place + count <= starts[number + 1])
          let bytes = all[place..<place + count].filter { $0 < 256 }.map { UInt8($0) }
          #expect(part["text"]?.string == String(decoding: bytes, as: UTF8.self))
          place += count
        }
        #expect(place == first + 10)
      }
    }
    #expect(Dictionary(grouping: seen) { $0 }.values.map(\.count) == Array(repeating: 12, count: 7))
    let lines2 = try workspace.phd(
      "corpus", "show", "t.h5", "--step", "400000000", "--config", "config.json", "--set", "data.train=t.h5", "--set",
      "data.sequence_length=60", "--characters", "5")
    #expect(lines2.output.contains("[document 0, whole, 15 tokens]\none t… (9 more characters)"))
    #expect(lines2.output.contains("[document 3, its beginning, 40 tokens]"))
  }

  @Test func `corpus show selects one of several corpora, with and without documents`() throws {
    let workspace = try TestWorkspace()
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 9, seed: 3), endOfDocument: 3, to: "ends.h5")
    let settings = ["--set", #"data.train=["train.h5","ends.h5"]"#]
    for (name, part) in [
      ("train.h5", "[a document, a part of it, "),
      (
        "../" + URL(filePath: workspace.path).lastPathComponent + "/ends.h5",
        "[a document, whole, 1 token]\n3\n[a document, its beginning, 12 tokens]"
      ),
    ] {
      let outcome = try launch(
        "phd", ["corpus", "show", name, "--step", "3", "--config", "config.json"] + settings,
        directory: workspace.path)
      #expect(outcome.output.hasPrefix("step 3: 6 samples of 13 tokens, 3 of them from "), "\(outcome.error)")
      #expect(outcome.output.contains(part))
    }
    try expectError(
      try workspace.phd("corpus", "show", "short.h5", "--step", "3", "--config", "config.json"), 64,
      naming: ["short.h5", "train.h5"])
    try expectError(
      try workspace.phd("corpus", "show", "nowhere.h5", "--step", "3", "--config", "config.json"), 66,
      naming: ["nowhere.h5"])
    try expectError(
      try workspace.phd("corpus", "show", "train.h5", "--step", "0", "--config", "config.json"), 64,
      naming: ["--step 0"])
  }
}
