import Foundation
import JSON
import TestSupport
import Testing
import Training

/// Numbers that are not finite, or differ, on one rank are detected before they are used, and end all ranks.
@Suite(.serialized) struct NumericalErrorTests {
  private func check(_ mode: String, rank: Int, ranks: Int, _ workspace: TestWorkspace, _ settings: [String] = [])
    throws
    -> Outcome
  {
    let sizes = ["training.global_batch_size=12", "training.compare_weights_every_steps=1"]
    return try launch(
      "fault-checks", [mode, "config.json", String(rank)] + sizes + settings, ranks: ranks,
      environment: TestWorkspace.environment, directory: workspace.path, timeout: 30)
  }

  /// Checks that each rank has the same message.
  private func expectAll(_ outcome: Outcome, ranks: Int, say words: [String]) {
    let lines = outcome.error.split(separator: "\n").filter { $0.hasPrefix("rank ") }
    #expect(lines.count == ranks, "\(outcome.error)")
    for line in lines { for word in words { #expect(line.contains(word), "\(line)") } }
  }

  @Test(arguments: [(2, 4), (0, 3), (1, 2)]) func `a weight that changes by one ulp on one rank is detected`(
    rank: Int, ranks: Int
  ) throws {
    let workspace = try TestWorkspace()
    let outcome = try check("ulp", rank: rank, ranks: ranks, workspace)
    #expect(outcome.status == 70)
    // With two ranks, there is no majority.
    let who = ranks == 2 ? "the ranks' weights differ" : "the weights of rank \(rank) on"
    expectAll(outcome, ranks: ranks, say: ["step 4", who, "model.layers.0.self_attn.k_proj.weight"])
    // The checkpoint before the change remains the newest.
    #expect(workspace.run().checkpoints == [3])
    #expect(try workspace.train(["--set", "training.global_batch_size=12"]).status == 0)
    #expect(try workspace.train(["--set", "training.global_batch_size=12"], name: "straight").status == 0)
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
  }

  @Test func `a gradient that is not finite on one of four ranks ends the run`() throws {
    let workspace = try TestWorkspace()
    let outcome = try check("not-finite", rank: 2, ranks: 4, workspace)
    #expect(outcome.status == 70)
    expectAll(outcome, ranks: 4, say: ["step 4", "micro-batch 2 (rank 2 on", "stopped before the update"])
    #expect(workspace.run().checkpoints == [3])
    #expect(try workspace.run().steps() == [1, 2, 3])
  }

  @Test func `skipped steps are counted, logged and limited`() throws {
    let workspace = try TestWorkspace()
    let outcome = try check(
      "not-finite", rank: 1, ranks: 4, workspace,
      [
        "training.on_not_finite=skip", "training.max_skipped=4", "training.compare_weights_every_steps=null",
        "checkpoint.every_steps=1000", "validation.every_steps=1000",
      ])
    #expect(outcome.status == 70)
    expectAll(outcome, ranks: 4, say: ["step 8", "already skipped 4 steps", "rank 1 on"])
    let skipped = try workspace.run().records("skipped")
    #expect(skipped.compactMap { $0["step"]?.integer } == [4, 5, 6, 7])
    #expect(skipped.compactMap { $0["skipped"]?.integer } == [1, 2, 3, 4])
    #expect(skipped.allSatisfy { $0["reason"] == "not_finite" && $0["loss"] == .null })
    #expect(skipped[0]["origin"]?.string?.contains("rank 1 on") == true)
    #expect(try workspace.run().steps() == [1, 2, 3])
    #expect(workspace.run().checkpoints == [3])
  }

  @Test(arguments: [1, 2, 4]) func `a skipped step changes only the position in the data`(ranks: Int) throws {
    let workspace = try TestWorkspace()
    let outcome = try check(
      "passing", rank: ranks - 1, ranks: ranks, workspace, ["training.on_not_finite=skip"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("rank \(ranks - 1) on"))
  }

  @Test func `the spike guard skips spikes and keeps its history across a resume`() throws {
    let workspace = try TestWorkspace()
    // The guard is so strict that ordinary noise triggers it.
    let arguments = [
      "--set", "training.steps=60", "--set", #"training.spike_guard={"z_score": 1, "window": 8}"#, "--set",
      "training.max_skipped=50",
    ]
    #expect(try workspace.train(arguments, name: "straight").status == 0)
    let straight = workspace.run("straight")
    let skipped = try straight.records("skipped")
    #expect(skipped.count >= 3 && skipped.allSatisfy { $0["reason"] == "spike" })
    // The guard's decisions follow from the logged values, which may depend on the processor.
    let records = try straight.records().filter { ["step", "skipped"].contains($0["event"]) }
    #expect(records.compactMap { $0["step"]?.integer } == Array(1...60))
    let expected = try spikes(
      among: records.map { [try #require($0["loss"]?.number), try #require($0["gradient_norm"]?.number)] }, zScore: 1,
      window: 8)
    #expect(expected == skipped.compactMap { $0["step"]?.integer })

    for (goal, ranks) in [(13, 2), (22, 3), (60, 1)] {
      #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], ranks: ranks).status == 0)
    }
    try expectSame(workspace.run(), straight, at: 60)
    let again = try workspace.run().records("skipped")
    #expect(again.map { $0["step"] } == skipped.map { $0["step"] })
    #expect(again.map { $0["skipped"] } == skipped.map { $0["skipped"] })

    let few = try workspace.train(arguments + ["--set", "training.max_skipped=2"], name: "few", ranks: 2)
    #expect(few.status == 70)
    #expect(few.error.contains("already skipped 2 steps") && few.error.contains("training.spike_guard"))
  }

  /// The steps, counted from 1, with a value more than `zScore` standard deviations above the mean of the `window`
  /// values before it: an independent implementation of the rule in docs/configuration.md.
  private func spikes(among steps: [[Double]], zScore: Double, window: Int) -> [Int] {
    var spikes: Set<Int> = []
    for series in 0..<2 {
      var seen: [Double] = []
      for (index, values) in steps.enumerated() {
        var value = values[series]
        if seen.count >= window {
          let last = seen.suffix(window)
          let mean = last.reduce(0, +) / Double(window)
          let deviation = (last.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(window)).squareRoot()
          let limit = mean + zScore * max(deviation, 1e-3 * abs(mean))
          if value > limit { spikes.insert(index + 1) }
          // A spike enters the history as the largest value that is not a spike.
          value = min(value, limit)
        }
        seen.append(value)
      }
    }
    return spikes.sorted()
  }
}
