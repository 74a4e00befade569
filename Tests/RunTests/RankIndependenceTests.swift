import Foundation
import JSON
import Storage
import TestSupport
import Testing

/// The results of a run are the same, bit for bit, on any number of ranks, with any interruptions.
@Suite(.serialized) struct RankIndependenceTests {
  /// 24 micro-batches per step, divisible by 1, 2, 3, 4, 6 and 8 ranks. The tensors have several granules.
  private static let settings = [
    "training.steps=12", "training.global_batch_size=24", "model.hidden_size=64", "model.intermediate_size=96",
    "validation.sequences=11",
  ]

  private func train(
    _ workspace: TestWorkspace, _ name: String, ranks: Int?, _ settings: [String], _ arguments: [String] = []
  ) throws {
    let sets = (Self.settings + settings).flatMap { ["--set", $0] }
    let outcome = try workspace.train(sets + arguments, name: name, ranks: ranks)
    #expect(outcome.status == 0, "\(name): \(outcome.error)")
  }

  @Test func `1, 2, 3, 4, 6 and 8 ranks give the same results, with and without sharding`() throws {
    let workspace = try TestWorkspace()
    try train(workspace, "plain", ranks: nil, [])
    for (index, ranks) in [1, 2, 3, 4, 6, 8].enumerated() {
      let sharded = index % 2 == 1
      let name = "ranks-\(ranks)"
      try train(workspace, name, ranks: ranks, ["optimizer.sharded=\(sharded)"])
      try expectSame(workspace.run(name), workspace.run("plain"), at: 12)
    }
    for ranks in [2, 3] {
      try train(workspace, "other-\(ranks)", ranks: ranks, ["optimizer.sharded=\(ranks == 3)"])
      try expectSame(workspace.run("other-\(ranks)"), workspace.run("plain"), at: 12)
    }
  }

  /// Every pattern, both precisions and architectures, micro-batches of one and two sequences, recomputation,
  /// documents.
  private static let variants: [(settings: [String], ranks: Int)] = [
    (["hidden_decoding=null"], 8),
    (["hidden_decoding=null", "training.precision=bf16", "training.micro_batch_size=2"], 4),
    (["hidden_decoding={\"pattern\":\"phd\",\"repeats\":3}", "training.micro_batch_size=2"], 6),
    (["hidden_decoding={\"pattern\":\"swa\",\"repeats\":2,\"window\":4}", "training.precision=bf16"], 3),
    (["training.recompute=block", "model.architecture=llama", "optimizer.sharded=true"], 4),
    (["training.precision=bf16", "training.recompute=block", "optimizer.sharded=true"], 8),
    (["hidden_decoding={\"pattern\":\"naive\",\"repeats\":2}", "training.threads=2", "optimizer.sharded=true"], 2),
    (["data.train=ends.h5", "data.document_mask=true", "data.validation={}", "model.tie_word_embeddings=true"], 6),
  ]

  @Test(arguments: 0..<8) func `every kind of run gives the same results on any number of ranks`(number: Int) throws {
    let workspace = try TestWorkspace()
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 47, seed: 3), endOfDocument: 3, to: "ends.h5")
    let (settings, ranks) = Self.variants[number]
    try train(workspace, "one", ranks: nil, settings + ["training.threads=1"])
    try train(workspace, "several", ranks: ranks, settings)
    try expectSame(workspace.run("several"), workspace.run("one"), at: 12)
  }

  /// An epoch has 47 samples, two steps: every stop but the first is inside an epoch.
  @Test func `a run saved on 4 ranks and resumed on 2, 8, 1 and 3 gives the same results`() throws {
    let workspace = try TestWorkspace()
    try train(workspace, "straight", ranks: nil, [])
    for (ranks, stop, sharded) in [(4, 2, true), (2, 5, false), (8, 6, true), (1, 7, true), (3, 12, false)] {
      try train(
        workspace, "elastic", ranks: ranks, ["optimizer.sharded=\(sharded)"], ["--stop-after", "\(stop)"])
    }
    let run = workspace.run("elastic")
    try expectSame(run, workspace.run("straight"), at: 12)
    #expect(try run.records("run").map { $0["ranks"]?.integer } == [4, 2, 8, 1, 3])
    #expect(try run.records("run").allSatisfy { $0["arithmetic"]?.string?.isEmpty == false })
  }

  @Test func `without reproducible, the same number of ranks gives the same results`() throws {
    let workspace = try TestWorkspace()
    for name in ["one", "two"] { try train(workspace, name, ranks: 3, ["training.reproducible=false"]) }
    try expectSame(workspace.run("one"), workspace.run("two"), at: 12)
    try train(workspace, "reproducible", ranks: 3, [])
    // On a different number of ranks it continues with a warning.
    try train(workspace, "one", ranks: 2, ["training.reproducible=false", "training.steps=14"])
    let warnings = try workspace.run("one").records("warning").compactMap { $0["message"]?.string }
    #expect(warnings.contains { $0.contains("on 3 ranks") && $0.contains("results may differ") })
    try train(workspace, "reproducible", ranks: 2, [])
    #expect(try workspace.run("reproducible").records("warning").isEmpty)
    let (found, expected) = (
      try workspace.run("one").steps("loss"), try workspace.run("reproducible").steps("loss")
    )
    for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-3 * expected) }
  }

  @Test(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
  func `a resume with a different arithmetic causes a warning`() throws {
    let workspace = try TestWorkspace()
    try train(workspace, "moved", ranks: nil, [], ["--stop-after", "6"])
    // Simulates a checkpoint from a different machine.
    let other = workspace["other.h5"]
    try Peers.run(
      "change_attribute.py", [workspace.run("moved").checkpoint(6), other, "state", "arithmetic", "an abacus"])
    try train(workspace, "moved", ranks: nil, [], ["--resume", other])
    let warnings = try workspace.run("moved").records("warning").compactMap { $0["message"]?.string }
    let arithmetic = try #require(try workspace.run("moved").records("run").last?["arithmetic"]?.string)
    #expect(
      warnings.contains { $0.contains("an abacus") && $0.contains(arithmetic) && $0.contains("results may differ") })
  }
}
