import Foundation
import JSON
import Reference
import Storage
import TestSupport
import Testing
import Training

/// Runs with `data.document_mask`.
@Suite(.serialized) struct DocumentMaskTests {
  private static let mask = ["--set", "data.document_mask=true"]
  private static let end = 60

  /// A workspace with corpora whose documents are empty, have one token, or are shorter or longer than a sample.
  private func workspace(ends: Bool = false) throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    for (name, samples, seed) in [("train.h5", TestWorkspace.samples, 1), ("short.h5", 3, 2), ("long.h5", 9, 3)] {
      let (tokens, starts) = DocumentMaskTests.corpus(samples: samples, seed: UInt64(seed))
      try workspace.writeCorpus(
        tokens, documents: ends ? nil : starts, endOfDocument: ends ? DocumentMaskTests.end : nil, to: name)
    }
    return workspace
  }

  /// Tokens in which ``end`` occurs at the end of every document and nowhere else.
  private static func corpus(samples: Int, seed: UInt64) -> (tokens: [UInt16], starts: [UInt64]) {
    var tokens = TestWorkspace.tokens(samples: samples, seed: seed).map { min($0, 59) }
    let lengths = [5, 1, 3, 0, 25, 7, 2, 0, 40, 5, 12, 24]
    var (starts, place): ([UInt64], Int) = ([], 0)
    while place <= tokens.count {
      starts.append(UInt64(place))
      if place > 0 { tokens[place - 1] = UInt16(end) }
      place += lengths[(starts.count + Int(seed)) % lengths.count]
    }
    return (tokens, starts)
  }

  private func evaluate(_ workspace: TestWorkspace, _ step: Int, _ corpus: String, ranks: Int? = nil) throws
    -> JSONValue
  {
    let outcome = try launch(
      "phd", ["evaluate", "loss", "--checkpoint", workspace.run().checkpoint(step), "--corpus", corpus, "--json"],
      ranks: ranks, environment: TestWorkspace.environment, directory: workspace.path)
    try #require(outcome.status == 0, "\(outcome.error)")
    return try JSONValue(parsing: outcome.output)
  }

  @Test func `results do not depend on how documents are marked, threads, recomputation or a resume`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(DocumentMaskTests.mask, name: "straight").status == 0)
    let straight = workspace.run("straight")
    for (name, arguments) in [
      ("threads", ["--set", "training.threads=2"]), ("recomputed", ["--set", "training.recompute=block"]),
      ("resumed", ["--stop-after", "7"]), ("resumed", []),
    ] {
      let outcome = try workspace.train(DocumentMaskTests.mask + arguments, name: name)
      #expect(outcome.status == 0, "\(outcome.error)")
      if workspace.run(name).checkpoints.last == 20 { try expectSame(workspace.run(name), straight, at: 20) }
    }
    let ends = try self.workspace(ends: true)
    #expect(try ends.train(DocumentMaskTests.mask).status == 0)
    try expectSame(ends.run(), straight, at: 20)

    #expect(try workspace.train(name: "unmasked").status == 0)
    let (masked, unmasked) = (try straight.steps("loss"), try workspace.run("unmasked").steps("loss"))
    #expect(masked.count == 20 && zip(masked, unmasked).allSatisfy { $0 != $1 })
  }

  @Test func `ranks divide the batch and agree on the token count`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(DocumentMaskTests.mask).status == 0)
    #expect(try workspace.train(DocumentMaskTests.mask, name: "two", ranks: 2).status == 0)
    let (one, two) = (workspace.run(), workspace.run("two"))
    #expect(try one.steps("tokens") == two.steps("tokens"))
    for (one, two) in zip(try one.steps("loss"), try two.steps("loss")) { #expect(abs(one - two) <= 1e-5 * one) }
    let records = (try one.records("validation"), try two.records("validation"))
    #expect(records.0.count == 10 && records.1.count == 10)
    for (one, two) in zip(records.0, records.1) {
      let (one, two) = (try #require(one["loss"]?.number), try #require(two["loss"]?.number))
      #expect(abs(one - two) <= 1e-5 * one)
    }
  }

  /// One step over the whole epoch with learning rate 0.
  @Test func `the losses of training and of evaluate loss equal the reference`() throws {
    let workspace = try workspace()
    let settings = [
      "training.steps=1", "training.global_batch_size=\(TestWorkspace.samples)", "optimizer.learning_rate=1e-30",
      "optimizer.weight_decay=0", "data.validation={\"all\":\"train.h5\"}", "validation.sequences=100",
    ]
    let outcome = try workspace.train(DocumentMaskTests.mask + settings.flatMap { ["--set", $0] })
    try #require(outcome.status == 0, "\(outcome.error)")

    let weights = try RunFiles.tensors(workspace.run().checkpoint(1)).filter { $0.key.hasPrefix("model/") }
    let model = ReferenceModel(
      dimensions: ReferenceModel.Dimensions(
        vocabularySize: 61, hiddenSize: 16, intermediateSize: 24, layers: 2, heads: 2, keyValueHeads: 1),
      pattern: ReferencePattern(.cswa, repeats: 2, window: 3, chunk: 5),
      weights: Dictionary(
        uniqueKeysWithValues: weights.map { (String($0.key.dropFirst("model/".count)), $0.value.map { Double($0) }) }))
    let (tokens, starts) = DocumentMaskTests.corpus(samples: TestWorkspace.samples, seed: 1)
    let length = TestWorkspace.sequenceLength
    let samples = (0..<TestWorkspace.samples).map { sample in
      (sample * length...(sample + 1) * length).map { Int(tokens[$0]) }
    }
    let starting = (0..<TestWorkspace.samples).map { sample in
      Set(starts.map { Int($0) - sample * length }.filter { 1...length ~= $0 }).sorted()
    }
    let expected = model.lossAndGradient(sequences: samples, starts: starting, zLoss: 1e-5)
    let count = TestWorkspace.samples * length - starting.joined().count
    let norm = expected.gradient.values.joined().reduce(0) { $0 + $1 * $1 }.squareRoot()

    let record = try #require(try workspace.run().records("step").first)
    #expect(record["tokens"] == .integer(count))
    #expect(abs((record["loss"]?.number ?? 0) - expected.crossEntropy) < 2e-5 * expected.crossEntropy)
    #expect(abs((record["z_loss"]?.number ?? 0) - expected.zTerm) < 2e-5 * expected.zTerm)
    #expect(abs((record["gradient_norm"]?.number ?? 0) - norm) < 1e-4 * norm)
    let validation = try workspace.run().records("validation").first?["loss"]?.number ?? 0
    #expect(abs(validation - expected.crossEntropy) < 2e-5 * expected.crossEntropy)

    for ranks in [nil, 2] {
      let report = try evaluate(workspace, 1, "train.h5", ranks: ranks)
      #expect(report["loss"]?.number == validation)
      #expect(report["tokens"] == .integer(count))
      let means = report["loss_by_position"]?.array?.compactMap(\.number) ?? []
      let counts = (1...length).map { place in starting.count { !$0.contains(place) } }
      let sum = zip(means, counts).reduce(0) { $0 + $1.0 * Double($1.1) }
      #expect(means.count == length && abs(sum / Double(count) - validation) < 1e-5)
    }
  }

  @Test func `a document's loss does not depend on other documents`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(DocumentMaskTests.mask + ["--stop-after", "3"]).status == 0)
    var tokens = TestWorkspace.tokens(samples: 1, seed: 9)
    var losses: [[Double]] = []
    for value in [7, 11] {
      tokens[5] = UInt16(value)
      try workspace.writeCorpus(tokens, documents: [0, 4, 9], to: "one.h5")
      losses.append(try evaluate(workspace, 3, "one.h5")["loss_by_position"]?.array?.compactMap(\.number) ?? [])
    }
    try #require(losses[0].count == 12)
    // Position n predicts token n + 1; the first token of a document is not predicted.
    for position in 0..<12 {
      #expect((losses[0][position] == 0) == [3, 8].contains(position))
      #expect((losses[0][position] == losses[1][position]) == !(4..<8).contains(position), "position \(position)")
    }
  }

  @Test func `bits per byte count only the bytes of targets`() throws {
    let workspace = try TestWorkspace()
    let text = (0..<60).map { String("abcdefghijklmnop".prefix($0 % 16 + 1)) }.joined(separator: "\n===\n")
    try workspace.write(text, to: "t.txt")
    let built = try workspace.phd(
      "corpus", "build", "t.txt", "--output", "b.h5", "--tokenizer", "bytes", "--document-separator", "===")
    try #require(built.status == 0, "\(built.error)")
    let settings = [
      "training.steps=8", "data.train=b.h5", "data.validation={}", "model.vocab_size=257", "data.document_mask=true",
    ]
    #expect(try workspace.train(settings.flatMap { ["--set", $0] }).status == 0)
    let report = try evaluate(workspace, 8, "b.h5")
    let file = try HDF5File.open(workspace["b.h5"])
    let tokens: [UInt16] = try file.dataset("/tokens").array()
    let starts = Set(try file.dataset("/documents").array(of: UInt64.self).map { Int($0) })
    let targets = (1...(tokens.count - 1) / 12 * 12).filter { !starts.contains($0) }
    #expect(report["tokens"] == .integer(targets.count))
    let bits = (report["loss"]?.number ?? 0) * Double(targets.count) / log(2)
    #expect(abs((report["bits_per_byte"]?.number ?? 0) - bits / Double(targets.count { tokens[$0] < 256 })) < 1e-9)
  }

  // MARK: errors

  @Test(arguments: [nil, 2]) func `a corpus without document starts is an error`(ranks: Int?) throws {
    let workspace = try workspace()
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 9, seed: 3), documents: nil, to: "bare.h5")
    for key in ["data.train", "data.validation.long"] {
      let outcome = try workspace.train(
        DocumentMaskTests.mask + ["--set", "\(key)=bare.h5"], ranks: ranks, timeout: 20)
      try expectError(outcome, 65, naming: ["bare.h5", "/documents", "eos_token_id", "data.document_mask"])
    }
    #expect(try workspace.train(DocumentMaskTests.mask + ["--stop-after", "2"]).status == 0)
    try expectError(
      try workspace.phd("evaluate", "loss", "--checkpoint", workspace.run().checkpoint(2), "--corpus", "bare.h5"), 65,
      naming: ["bare.h5", "eos_token_id"])
  }

  @Test(arguments: [nil, 2]) func `invalid document starts are errors`(ranks: Int?) throws {
    let workspace = try workspace()
    var (tokens, starts) = DocumentMaskTests.corpus(samples: TestWorkspace.samples, seed: 1)
    starts[20] = 1 << 50
    try workspace.writeCorpus(tokens, documents: starts, to: "train.h5")
    try expectError(
      try workspace.train(DocumentMaskTests.mask, ranks: ranks, timeout: 20), 65,
      naming: ["train.h5", "document 20", "position"])
    tokens = TestWorkspace.tokens(samples: 9, seed: 3)
    try workspace.writeCorpus(tokens, documents: [0, 30, 20], to: "long.h5")
    try expectError(
      try workspace.train(
        DocumentMaskTests.mask + ["--set", "data.train=short.h5"], name: "other", ranks: ranks, timeout: 20), 65,
      naming: ["long.h5", "document 2", "position 20"])
  }

  @Test(arguments: [nil, 2]) func `a batch or a validation set without a target is an error`(ranks: Int?) throws {
    let workspace = try workspace()
    let tokens = TestWorkspace.tokens(samples: 9, seed: 3)
    try workspace.writeCorpus(tokens, documents: tokens.indices.map { UInt64($0) }, to: "ones.h5")
    for (key, place) in [("data.train", "step 1"), ("data.validation.long", "data.validation.long")] {
      let outcome = try workspace.train(
        DocumentMaskTests.mask + ["--set", "\(key)=ones.h5"], name: key, ranks: ranks, timeout: 20)
      try expectError(outcome, 65, naming: [place, "no target", "data.document_mask"])
    }
    #expect(!workspace.run("data.train").files.contains("step-00000001.h5"))
  }

  @Test func `a resume with a different document mask or documents is refused`() throws {
    let workspace = try workspace()
    #expect(try workspace.train(DocumentMaskTests.mask + ["--stop-after", "2"]).status == 0)
    try expectError(try workspace.train(), 64, naming: ["data.document_mask", "true", "false"])
    // Different documents are different data.
    let (tokens, starts) = DocumentMaskTests.corpus(samples: TestWorkspace.samples, seed: 1)
    try workspace.writeCorpus(tokens, documents: starts.map { $0 == 3 ? 2 : $0 }, to: "train.h5")
    try expectError(try workspace.train(DocumentMaskTests.mask), 64, naming: ["train.h5", "documents"])
  }
}
