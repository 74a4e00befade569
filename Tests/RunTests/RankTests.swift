import Foundation
import TestSupport
import Testing
import Training

/// The ranks divide the global batch.
@Suite(.serialized) struct RankTests {
  private let arguments = [
    "--set", "training.global_batch_size=24", "--set", "optimizer.learning_rate=1e-3", "--set", "training.steps=12",
  ]

  @Test func `several ranks have the losses of a single rank`() throws {
    let workspace = try TestWorkspace()
    try #require(try workspace.train(arguments, name: "alone").status == 0)
    let alone = workspace.run("alone")
    for ranks in [3, 4, 8] {
      let name = "of-\(ranks)"
      let outcome = try workspace.train(arguments, name: name, ranks: ranks)
      try #require(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error == "")
      // Every line is printed once, on any number of ranks.
      #expect(outcome.output.components(separatedBy: "step 7/12").count == 2)
      let run = workspace.run(name)
      #expect(try run.records("run").first?["ranks"] == .integer(ranks))
      for field in ["step", "learning_rate", "tokens", "epoch"] {
        #expect(try run.steps(field) == alone.steps(field), "\(field)")
      }
      for field in ["loss", "z_loss", "gradient_norm"] {
        let (found, expected) = (try run.steps(field), try alone.steps(field))
        try #require(found.count == 12 && expected.count == 12)
        for (found, expected) in zip(found, expected) {
          #expect(abs(found - expected) <= (field == "gradient_norm" ? 1e-4 : 1e-5) * expected, "\(field)")
        }
      }
      let (found, expected) = (try run.records("validation"), try alone.records("validation"))
      #expect(found.count == 6)
      for (found, expected) in zip(found, expected) {
        let (loss, other) = (try #require(found["loss"]?.number), try #require(expected["loss"]?.number))
        #expect(abs(loss - other) <= 1e-5 * other)
      }
    }
  }

  @Test func `repeated runs on the same ranks give the same results`() throws {
    let workspace = try TestWorkspace()
    for name in ["one", "other"] {
      #expect(try workspace.train(arguments, name: name, ranks: 4).status == 0)
    }
    try expectSame(workspace.run("one"), workspace.run("other"), at: 12)
  }

  @Test func `each epoch visits every sample once, in a different order`() throws {
    // One sample per step and learning rate 0: the loss identifies the sample.
    let workspace = try TestWorkspace()
    let arguments = [
      "--set", "training.global_batch_size=1", "--set", "optimizer.learning_rate=1e-30", "--set",
      "optimizer.weight_decay=0", "--set", "training.steps=\(2 * TestWorkspace.samples)", "--set",
      "validation.every_steps=1000",
    ]
    #expect(try workspace.train(arguments).status == 0)
    let losses = try workspace.run().steps("loss")
    let (first, second) = (losses.prefix(TestWorkspace.samples), losses.suffix(TestWorkspace.samples))
    #expect(Set(first).count == TestWorkspace.samples)
    #expect(first.sorted() == second.sorted())
    #expect(Array(first) != Array(second))
    #expect(
      try workspace.run().steps("epoch")
        == Array(repeating: 0, count: TestWorkspace.samples) + Array(repeating: 1, count: TestWorkspace.samples))
  }
}
