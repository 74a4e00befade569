import Foundation
import TestSupport
import Testing

/// After the first step, a run makes no large allocations: a longer run makes as many as a short one.
@Suite(.serialized) struct AllocationTests {
  /// Large enough that every buffer proportional to rows, weights or logits exceeds 64 KiB.
  private let sizes = [
    "model.hidden_size=64", "model.intermediate_size=160", "model.num_attention_heads=4", "model.vocab_size=700",
    "data.sequence_length=96", "training.global_batch_size=8", "training.micro_batch_size=4", "data.validation={}",
    "checkpoint.every_steps=1000",
  ]

  private func counts(
    _ workspace: TestWorkspace, steps: Int, _ settings: [String], ranks: Int
  ) throws -> (large: Int, live: Int) {
    let outcome = try launch(
      "allocation-checks", ["config.json"] + sizes + settings + ["training.steps=\(steps)"], ranks: ranks,
      environment: TestWorkspace.environment, directory: workspace.path)
    try #require(outcome.status == 0, "\(outcome.error)")
    let line = try #require(outcome.output.split(separator: "\n").last { $0.hasPrefix("allocations ") })
    let numbers = line.split(separator: " ").compactMap { Int($0) }
    try #require(numbers.count == 2)
    return (numbers[0], numbers[1])
  }

  @Test(
    arguments: [
      (["training.threads=1"], 1), (["training.threads=2"], 1), (["training.threads=1"], 2),
      (["training.threads=1", "training.precision=bf16"], 1), (["training.threads=1", "training.recompute=block"], 1),
      (["training.threads=1", "data.document_mask=true"], 1), (["training.threads=1", "log.gradients_every=1"], 1),
    ])
  func `a run of 124 steps makes no more large allocations than one of 4`(_ settings: [String], _ ranks: Int) throws {
    let workspace = try TestWorkspace()
    try workspace.writeCorpus(
      TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1),
      documents: stride(from: 0, to: 560, by: 7).map { $0 },
      to: "train.h5")
    let short = try counts(workspace, steps: 4, settings, ranks: ranks)
    let long = try counts(workspace, steps: 124, settings, ranks: ranks)
    // The counter works: the program does make large allocations.
    #expect(short.large > 5)
    // Starting threads and libraries may take one allocation more or less; 120 steps would add many more.
    #expect(long.large <= short.large + 2)
    // Lines of the log and of the console are temporary, so a page or two of the heap may differ.
    #expect(long.live < short.live + 64 * 1024)
  }
}
