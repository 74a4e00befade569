import TestSupport
import Testing

/// Optimizers that update whole tensors, which AdamW does not.
@Suite(.serialized) struct OptimizerTests {
  @Test func `whole tensors belong to one rank, and sharding changes no bit`() throws {
    let workspace = try TestWorkspace()
    let settings = [
      "training.global_batch_size=24", "model.hidden_size=64", "model.intermediate_size=96", "log.gradients_every=2",
    ]
    var weights: Set<String> = []
    for ranks in [1, 2, 3, 4, 8] {
      let outcome = try launch(
        "optimizer-checks", ["config.json"] + settings, ranks: ranks, directory: workspace.path)
      #expect(outcome.status == 0, "\(ranks) ranks: \(outcome.error)")
      #expect(outcome.output.hasPrefix("weights "), "\(ranks) ranks: \(outcome.output)")
      weights.insert(outcome.output)
    }
    #expect(weights.count == 1, "\(weights)")
  }
}
