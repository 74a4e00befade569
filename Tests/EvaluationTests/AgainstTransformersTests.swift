import Foundation
import JSON
import TestSupport
import Testing

/// Compares `phd evaluate tasks` with `transformers`, which processes each choice separately with the same weights.
@Suite(
  .serialized, .enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)),
  .enabled(if: shared("data/bench/olmo_requests_rc_0shot") != nil, Comment(rawValue: sharedIsMissing)))
struct AgainstTransformersTests {
  /// The number of items per file, if it is set; 500 is all. By default a few, which take a minute.
  private static let items = ProcessInfo.processInfo.environment["PHD_TEST_ITEMS"].flatMap { Int($0) }

  @Test(arguments: [("gpt2", 16), ("olmo2", 6)]) func `log-likelihoods and accuracies agree with transformers`(
    _ tokenizer: String, _ few: Int
  ) throws {
    let items = AgainstTransformersTests.items ?? few
    let folder = try TemporaryFolder()
    let model = "\(folder.path)/model"
    let requests = try #require(shared("data/bench/olmo_requests_rc_0shot"))
    let file = try #require(shared("data/tokenizers/\(tokenizer)/tokenizer.json"))
    try Peers.run("loglikelihoods.py", ["make", model, file])
    let imported = try launch("phd", ["checkpoint", "import", model, "--to", "\(folder.path)/model.h5"])
    try #require(imported.status == 0, "\(imported.error)")
    let outcome = try launch(
      "phd",
      [
        "evaluate", "tasks", "--checkpoint", "\(folder.path)/model.h5", "--tasks", requests, "--limit",
        "\(items)", "--details", "\(folder.path)/details.jsonl", "--json",
      ], timeout: 600)
    try #require(outcome.status == 0, "\(outcome.error)")
    let report = try JSONValue(parsing: outcome.output)["tasks"]
    let details = try lines(of: "\(folder.path)/details.jsonl")
    let out = "\(folder.path)/out.json"
    let tasks = ["arc_challenge", "arc_easy", "csqa", "hellaswag", "piqa", "winogrande"]
    let files = tasks.map { "\(requests)/\($0).jsonl" }
    try Peers.run(
      "loglikelihoods.py", ["run", model, "\(items)", out] + files, timeout: 1800)
    let results = try JSONValue(parsing: try bytes(of: out)).array ?? []
    #expect(results.count == tasks.count)
    for (task, theirs) in zip(tasks, results) {
      let (mine, theirs) = (details.filter { $0["task"]?.string == task }, theirs.array ?? [])
      #expect(mine.count == theirs.count && !mine.isEmpty, "\(task)")
      var (right, worst) = (0, 0.0)
      for (mine, theirs) in zip(mine, theirs) {
        let theirs = theirs.array ?? []
        let (found, expected) = (values(mine["log_likelihood"]), theirs.compactMap { $0["log_likelihood"]?.number })
        #expect(found.count == expected.count && found.count > 1)
        worst = zip(found, expected).reduce(worst) { max($0, abs($1.0 - $1.1)) }
        #expect(values(mine["tokens"]) == theirs.compactMap { $0["tokens"]?.number })
        let greedy = theirs.map { $0["is_greedy"] ?? .null }
        #expect(mine["is_greedy"]?.array == greedy)
        if expected.firstIndex(of: expected.max() ?? 0) == mine["label"]?.integer { right += 1 }
      }
      print("\(tokenizer) \(task): \(mine.count) items, the greatest difference \(worst)")
      #expect(worst < 1e-3, "\(task)")
      #expect(report?[task]?["items"]?.integer == theirs.count)
      #expect(report?[task]?["acc"]?.number == Double(right) / Double(theirs.count), "\(task)")
    }
  }

  private func lines(of path: String) throws -> [JSONValue] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  private func values(_ json: JSONValue?) -> [Double] { json?.array?.compactMap(\.number) ?? [] }
}
