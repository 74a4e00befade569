import Foundation
import JSON
import TestSupport
import Testing

/// `phd evaluate tasks`, and `validation.tasks` in a run, on generated benchmarks.
@Suite(.serialized) struct EvaluateTasksTests {
  private static let settings = [
    "training.steps=8", "data.train=b.h5", "data.validation={}", "model.vocab_size=257",
    "model.max_position_embeddings=200",
  ].flatMap { ["--set", $0] }

  private static let tasks = ["--set", #"validation.tasks="bench""#]

  /// A corpus of bytes, and a folder of benchmarks.
  private func workspace() throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    let words = ["red", "green", "blue", "grey", "black"]
    let text = (0..<60).map { "The \(words[$0 % 5]) fox sees the \(words[$0 * 3 % 5]) hen." }.joined(separator: " ")
    try workspace.write(text, to: "t.txt")
    #expect(try workspace.phd("corpus", "build", "t.txt", "--output", "b.h5", "--tokenizer", "bytes").status == 0)
    try FileManager.default.createDirectory(atPath: workspace["bench"], withIntermediateDirectories: true)
    func lines(_ name: String, _ line: (Int) -> String) throws {
      try workspace.write((0..<21).map { line($0) + "\n" }.joined(), to: "bench/\(name)")
    }
    try lines("lambada_test.jsonl") { #"{"text":"The \#(words[$0 % 5]) fox sees the \#(words[$0 * 2 % 5]) hen"}"# }
    try lines("piqa_valid.jsonl") {
      #"{"goal":"See \#(words[$0 % 5])","sol1":"The \#(words[$0 % 3]) hen.","sol2":"hens the","label":\#($0 % 2)}"#
    }
    try lines("mmlu_test.jsonl") {
      #"{"subject":"hens","question":"Which is \#($0)?","choices":["fox","hen","The red fox","e"],"answer":\#($0 % 4)}"#
    }
    return workspace
  }

  private func evaluate(_ workspace: TestWorkspace, _ arguments: String..., ranks: Int? = nil) throws -> Outcome {
    try launch(
      "phd", ["evaluate", "tasks"] + arguments, ranks: ranks, environment: TestWorkspace.environment,
      directory: workspace.path)
  }

  private let checkpoint = "runs/tiny/step-00000008.h5"

  @Test func `results do not depend on the number of ranks or on the other benchmarks`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(EvaluateTasksTests.settings).status == 0)
    var first: (report: JSONValue, details: [UInt8])?
    for ranks in [nil, 2, 3] {
      let outcome = try evaluate(
        workspace, "--checkpoint", checkpoint, "--tasks", "bench", "--batch", "4", "--details", "d.jsonl", "--json",
        ranks: ranks)
      try #require(outcome.status == 0, "\(outcome.error)")
      let found = (try JSONValue(parsing: outcome.output), try workspace.bytes(of: "d.jsonl"))
      #expect(found.0 == (first ?? found).report && found.1 == (first ?? found).details, "\(ranks ?? 1) ranks")
      first = first ?? found
    }
    let (report, details) = try #require(first)
    let tasks = try #require(report["tasks"]?.object)
    #expect(tasks.fields.map(\.name) == ["lambada", "mmlu", "mmlu_text", "piqa"])
    for field in tasks.fields {
      #expect(field.value["items"] == 21 && (0...1).contains(field.value["acc"]?.number ?? 2))
      #expect((field.value["acc_norm"] == nil) == (field.name == "lambada"))
    }
    // Each choice is a space and one letter: the context and the space are computed once for all four choices.
    let mmlu = tasks["mmlu"]
    #expect((mmlu?["tokens"]?.integer ?? 0) * 4 < (mmlu?["tokens_unshared"]?.integer ?? 0) + 4 * 4 * 21)
    let lines = String(decoding: details, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 4 * 21)
    let piqa = try lines.map { try JSONValue(parsing: String($0)) }.filter { $0["task"] == "piqa" }
    let right = piqa.count { line in
      let values = line["log_likelihood"]?.array?.compactMap(\.number) ?? []
      return values.count == 2 && (values[1] > values[0] ? 1 : 0) == line["label"]?.integer
    }
    #expect(tasks["piqa"]?["acc"]?.number == Double(right) / 21)

    let some = try evaluate(
      workspace, "--checkpoint", checkpoint, "--tasks", "bench/piqa_valid.jsonl", "bench/lambada_test.jsonl", "--limit",
      "3", "--task", "piqa", "--precision", "bf16", "--json")
    let only = try JSONValue(parsing: some.output)["tasks"]?.object
    #expect(only?.fields.map(\.name) == ["piqa"] && only?["piqa"]?["items"] == 3)
    let text = try evaluate(workspace, "--checkpoint", checkpoint, "--tasks", "bench", "--limit", "5")
    #expect(text.output.split(separator: "\n").count == 4 && text.output.contains("perplexity"))
  }

  @Test func `errors are reported once`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(EvaluateTasksTests.settings).status == 0)
    func fails(
      _ status: Int32, _ names: [String], _ arguments: String..., ranks: Int? = nil,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let outcome = try launch(
        "phd", ["evaluate", "tasks", "--checkpoint", checkpoint] + arguments, ranks: ranks,
        environment: TestWorkspace.environment, directory: workspace.path)
      try expectError(outcome, status, naming: names, sourceLocation: sourceLocation)
      #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
    }
    try workspace.write("{\"text\":\"a b\"}\n{\"text\":\"a", to: "cut.jsonl")
    try workspace.write("[1, 2]\n", to: "list.jsonl")
    for ranks in [nil, 2] {
      try fails(66, ["nowhere"], "--tasks", "nowhere", ranks: ranks)
      try fails(65, ["cut.jsonl", "line 2"], "--tasks", "cut.jsonl", ranks: ranks)
      try fails(64, ["hellaswag", "piqa"], "--tasks", "bench", "--task", "hellaswag", ranks: ranks)
      try fails(64, ["--limit 0"], "--tasks", "bench", "--limit", "0", ranks: ranks)
      try fails(65, ["line 1", "--max-length"], "--tasks", "bench", "--max-length", "3", ranks: ranks)
    }
    try fails(65, ["list.jsonl", "line 1"], "--tasks", "list.jsonl")
    try fails(65, ["step-00000008.h5", "is not UTF-8 at byte 512"], "--tasks", checkpoint)
    try fails(64, ["--shots 2", "hens"], "--tasks", "bench", "--shots", "2")
    try fails(64, ["--tasks"])
    try fails(64, ["--batch 129"], "--tasks", "bench", "--batch", "129")
    for ranks in [nil, 2] {
      try fails(74, ["no/such/folder/d"], "--tasks", "bench", "--details", "no/such/folder/d", ranks: ranks)
    }
    // A model without a known tokenizer.
    #expect(try workspace.train(["--set", "training.steps=5"], name: "unknown").status == 0)
    try expectError(
      try evaluate(workspace, "--checkpoint", "runs/unknown/step-00000005.h5", "--tasks", "bench", ranks: 2), 64,
      naming: ["--tokenizer"])
    try expectError(
      try evaluate(
        workspace, "--checkpoint", "runs/unknown/step-00000005.h5", "--tasks", "bench", "--tokenizer", "bytes"), 65,
      naming: ["vocabulary of 61", "line 1"])
  }

  @Test func `validation tasks in a run equal the command's results and do not change the run`() throws {
    let workspace = try workspace()
    let settings = EvaluateTasksTests.settings
    #expect(try workspace.train(settings, name: "without").status == 0)
    #expect(try workspace.train(settings + EvaluateTasksTests.tasks).status == 0)
    try expectSame(workspace.run(), workspace.run("without"), at: 8)
    let records = try workspace.run().records("task")
    #expect(records.map { $0["step"] } == [4, 4, 4, 4, 8, 8, 8, 8])
    #expect(records.prefix(4).map { $0["task"] } == ["lambada", "mmlu", "mmlu_text", "piqa"])
    let outcome = try evaluate(workspace, "--checkpoint", checkpoint, "--tasks", "bench", "--json", ranks: 2)
    let tasks = try JSONValue(parsing: outcome.output)["tasks"]
    for record in records.suffix(4) {
      let expected = tasks?[record["task"]?.string ?? ""]
      for field in ["acc", "acc_norm", "acc_norm_bytes", "perplexity", "items"] {
        #expect(record[field] == expected?[field], "\(field) of \(record.compact)")
      }
    }
    #expect(records.last?["acc_norm"] != nil && records[4]["perplexity"] != nil)
    // On two ranks, killed after step 5 and resumed.
    for ranks in [1, 2] {
      let name = "ranks\(ranks)"
      let some = settings + EvaluateTasksTests.tasks + ["--set", "validation.task_items=7"]
      #expect(try workspace.train(some + ["--stop-after", "7"], name: name, ranks: ranks).status == 0)
      let path = workspace.run(name).checkpoint(5)
      #expect(try workspace.train(some + ["--resume", path], name: name, ranks: ranks).status == 0)
      let records = try workspace.run(name).records("task")
      #expect(records.map { $0["step"] } == [4, 4, 4, 4, 8, 8, 8, 8])
      #expect(records.allSatisfy { $0["items"] == 7 })
    }
    try expectSame(workspace.run("ranks1"), workspace.run("without"), at: 8)
    let summary = try JSONValue(parsing: try workspace.phd("log", "show", "runs/tiny", "--json").output)
    #expect(summary["tasks"]?.array?.count == 8 && summary["validations"]?.array?.isEmpty == true)
    #expect(try workspace.phd("log", "show", "runs/tiny").output.contains("piqa"))
    // The plan includes the memory of the tasks.
    func memory(_ arguments: [String]) throws -> Int {
      let plan = try workspace.train(settings + arguments + ["--dry-run", "--json"])
      return try JSONValue(parsing: plan.output)["memory_bytes_per_rank"]?.integer ?? 0
    }
    #expect(try memory(EvaluateTasksTests.tasks) > memory([]))
  }

  @Test func `benchmarks that do not fit the run are errors before its first step`() throws {
    let workspace = try workspace()
    let settings = EvaluateTasksTests.settings
    func fails(_ status: Int32, _ names: [String], _ values: String..., ranks: Int? = nil) throws {
      let outcome = try workspace.train(settings + values.flatMap { ["--set", $0] }, name: "none", ranks: ranks)
      try expectError(outcome, status, naming: names)
      #expect(!FileManager.default.fileExists(atPath: workspace["runs/none/log.jsonl"]))
    }
    try workspace.write("{}\n", to: "empty.jsonl")
    for ranks in [nil, 2] {
      try fails(66, ["nowhere"], "validation.tasks=nowhere", ranks: ranks)
      try fails(65, ["empty.jsonl", "line 1"], #"validation.tasks=["bench","empty.jsonl"]"#, ranks: ranks)
      try fails(
        64, ["validation.tasks", "tokenizer"], "validation.tasks=bench", "data.train=train.h5", ranks: ranks)
    }
    try fails(65, ["line 1"], "validation.tasks=bench", "model.max_position_embeddings=2")
    try fails(64, ["validation.task", "validation.tasks"], "validation.task=bench")
    try fails(64, ["validation.tasks", "a path"], "validation.tasks=[3]")
    try fails(64, ["validation.task_items"], "validation.tasks=bench", "validation.task_items=0")
  }
}
