import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// `phd evaluate loss`, compared with the run that wrote the checkpoint.
@Suite(.serialized) struct EvaluateTests {
  private let checkpoint = "runs/tiny/step-00000008.h5"

  private func evaluate(_ workspace: TestWorkspace, _ arguments: [String], ranks: Int? = nil) throws -> Outcome {
    try launch(
      "phd", ["evaluate", "loss", "--checkpoint", checkpoint] + arguments, ranks: ranks,
      environment: TestWorkspace.environment, directory: workspace.path)
  }

  @Test func `the loss equals the run's validation loss on any number of ranks, bit for bit`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--set", "training.steps=8"]).status == 0)
    let validation = try workspace.run().records("validation").last { $0["set"] == "long" }
    var first: JSONValue?
    for ranks in [nil, 2, 3] {
      let outcome = try evaluate(workspace, ["--corpus", "long.h5", "--sequences", "5", "--json"], ranks: ranks)
      try #require(outcome.status == 0, "\(outcome.error)")
      let report = try JSONValue(parsing: outcome.output)
      #expect(report["loss"] == validation?["loss"])
      #expect(report["tokens"] == .integer(5 * TestWorkspace.sequenceLength))
      #expect(report["bits_per_byte"] == .null)
      let loss = report["loss"]?.number ?? 0
      #expect(abs((report["perplexity"]?.number ?? 0) - exp(loss)) < 1e-9 * exp(loss))
      let positions = report["loss_by_position"]?.array?.compactMap(\.number) ?? []
      #expect(positions.count == TestWorkspace.sequenceLength)
      #expect(abs(positions.reduce(0, +) / Double(positions.count) - loss) < 1e-5)
      first = first ?? report
      #expect(report["loss"] == first?["loss"])
    }
    // The whole corpus, with a different sample length.
    let all = try evaluate(workspace, ["--corpus", "long.h5", "--sequence-length", "6", "--json"])
    #expect(try JSONValue(parsing: all.output)["tokens"] == .integer(18 * 6))
    #expect(try evaluate(workspace, ["--corpus", "long.h5"]).output.contains("perplexity"))
  }

  @Test func `bits per byte are reported for a corpus of bytes`() throws {
    let workspace = try TestWorkspace()
    try String(repeating: "abcdefgh", count: 40).write(toFile: workspace["t.txt"], atomically: true, encoding: .utf8)
    #expect(try workspace.phd("corpus", "build", "t.txt", "--output", "b.h5", "--tokenizer", "bytes").status == 0)
    let settings = ["training.steps=8", "data.train=b.h5", "data.validation={}", "model.vocab_size=257"]
    #expect(try workspace.train(settings.flatMap { ["--set", $0] }).status == 0)
    let outcome = try evaluate(workspace, ["--corpus", "b.h5", "--json"])
    let report = try JSONValue(parsing: outcome.output)
    // 26 samples of 12 targets; the end of the document is after them.
    #expect(report["tokens"] == 312)
    let bits = report["bits_per_byte"]?.number ?? 0
    #expect(abs(bits - (report["loss"]?.number ?? 0) / log(2)) < 1e-9)
  }

  @Test func `errors are reported once`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--set", "training.steps=8"]).status == 0)
    try expectError(try evaluate(workspace, ["--corpus", "nowhere.h5"], ranks: 2), 66, naming: ["nowhere.h5"])
    try expectError(try evaluate(workspace, ["--corpus", checkpoint]), 65, naming: [checkpoint])
    try expectError(
      try evaluate(workspace, ["--corpus", "short.h5", "--sequence-length", "1000"]), 65, naming: ["short.h5", "1001"])
    try expectError(
      try evaluate(workspace, ["--corpus", "short.h5", "--sequences", "0"]), 64, naming: ["--sequences 0"])
    try expectError(
      try evaluate(workspace, ["--corpus", "short.h5", "--sequences", "0"], ranks: 2), 64, naming: ["--sequences 0"])
    var tokens = TestWorkspace.tokens(samples: 3, seed: 2)
    tokens[20] = 200
    try workspace.writeCorpus(tokens, to: "bad.h5")
    try expectError(try evaluate(workspace, ["--corpus", "bad.h5"], ranks: 2), 65, naming: ["bad.h5", "200"])
  }
}
