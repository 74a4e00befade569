import Foundation
import JSON
import Kernels
import Storage
import TestSupport
import Testing

/// One program has the kernels for several sets of instructions, and runs give the same bits with each.
@Suite struct KernelSetTests {
  private static let sets = KernelChoice.available

  private func train(
    _ workspace: TestWorkspace, _ name: String, _ set: KernelChoice, _ settings: [String], _ arguments: [String] = [],
    ranks: Int? = nil
  ) throws -> Outcome {
    let outcome = try workspace.train(
      settings.flatMap { ["--set", $0] } + arguments, name: name, ranks: ranks,
      environment: [KernelChoice.variable: set.rawValue])
    #expect(outcome.status == 0, "\(name): \(outcome.error)")
    return outcome
  }

  /// Sizes that are no multiples of the vectors' and tiles' widths.
  private static let shape = [
    "model.hidden_size=88", "model.intermediate_size=150", "model.num_attention_heads=4",
    "model.num_key_value_heads=2", "training.global_batch_size=4", "training.micro_batch_size=2",
  ]

  private static let patterns = [
    "null", #"{"pattern":"phd","repeats":3}"#, #"{"pattern":"swa","repeats":2,"window":4}"#,
    #"{"pattern":"cswa","repeats":2,"window":3,"chunk":5}"#, #"{"pattern":"naive","repeats":2}"#,
  ]

  @Test(arguments: patterns, ["fp32", "bf16"])
  func `training gives the same bits with every kernel set`(_ pattern: String, _ precision: String) throws {
    let workspace = try TestWorkspace()
    // Sets that multiply bf16 differ from those that widen it.
    let sets = Self.sets.filter { precision == "fp32" || !$0.kernels.multipliesBF16 }
    let architecture = pattern == "null" ? ["model.architecture=llama"] : []
    for set in sets {
      _ = try train(
        workspace, set.rawValue, set,
        Self.shape + architecture + ["hidden_decoding=\(pattern)", "training.precision=\(precision)"])
      #expect(try workspace.run(set.rawValue).records("run").last?["kernels"] == .string(set.rawValue))
      let file = try HDF5File.open(workspace.run(set.rawValue).checkpoint(20))
      #expect(try file.stringAttribute("kernels", of: "/state") == set.rawValue)
    }
    for set in sets.dropFirst() {
      try expectSame(workspace.run(set.rawValue), workspace.run(sets[0].rawValue), at: 20)
    }
  }

  @Test func `text is generated and scored with the same bits with every kernel set`() throws {
    let workspace = try TestWorkspace()
    _ = try train(workspace, "tiny", Self.sets[0], Self.shape)
    let checkpoint = workspace.run().checkpoint(20)
    let results = try Self.sets.map { set in
      func output(_ arguments: [String]) throws -> String {
        let outcome = try launch(
          "phd", arguments, environment: [KernelChoice.variable: set.rawValue], directory: workspace.path)
        #expect(outcome.status == 0, "\(outcome.error)")
        return outcome.output.replacing(/"[a-z_]*seconds":[^,}]*,?/, with: "")
      }
      return [
        try output([
          "generate", "--checkpoint", checkpoint, "--tokens", "3,1,4,1,5", "--max-new-tokens", "30",
          "--temperature", "0.9", "--seed", "7", "--json",
        ]),
        try output(["evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "long.h5", "--json"]),
      ]
    }
    #expect(results[0].allSatisfy { $0.count > 50 })
    for result in results { #expect(result == results[0]) }
  }

  @Test func `a run that moves to another kernel set continues with the same bits and without a warning`() throws {
    let workspace = try TestWorkspace()
    let (first, last) = (Self.sets[0], try #require(Self.sets.last))
    _ = try train(workspace, "straight", last, Self.shape)
    _ = try train(workspace, "moved", first, Self.shape, ["--stop-after", "7"])
    _ = try train(workspace, "moved", last, Self.shape)
    try expectSame(workspace.run("moved"), workspace.run("straight"), at: 20)
    #expect(try workspace.run("moved").records("warning").isEmpty)
    #expect(
      try workspace.run("moved").records("run").map { $0["kernels"]?.string } == [first.rawValue, last.rawValue])
  }

  @Test func `ranks with different kernel sets train together with the bits of one set`() throws {
    let workspace = try TestWorkspace()
    let (first, last) = (Self.sets[0], try #require(Self.sets.last))
    _ = try train(workspace, "one", last, Self.shape)
    // A script gives the second rank another set than the first.
    try workspace.write(
      """
      #!/bin/sh
      if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then PHD_KERNELS=\(first.rawValue); else PHD_KERNELS=\(last.rawValue); fi
      export PHD_KERNELS
      exec "\(buildDirectory)/phd-train" "$@"
      """, to: "mixed.sh")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: workspace["mixed.sh"])
    let settings = Self.shape.flatMap { ["--set", $0] }
    let outcome = try launch(
      workspace["mixed.sh"], ["config.json", "--set", "name=mixed"] + settings, ranks: 2,
      environment: TestWorkspace.environment, directory: workspace.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    try expectSame(workspace.run("mixed"), workspace.run("one"), at: 20)
    #expect(try workspace.run("mixed").records("warning").isEmpty)
    if first != last {
      #expect(outcome.output.contains("\(last.rawValue) (1 rank), \(first.rawValue) (1 rank)"), "\(outcome.output)")
    }
  }

  @Test func `a kernel set that does not exist or cannot run is a usage error, printed once`() throws {
    let workspace = try TestWorkspace()
    _ = try train(workspace, "tiny", Self.sets[0], [])
    let checkpoint = workspace.run().checkpoint(20)
    var wrong = [("abacus", "there are the kernel sets portable, avx2, avx512, avx512bf16, amx")]
    if let lacking = KernelChoice.allCases.first(where: { !$0.isAvailable }) {
      wrong.append((lacking.rawValue, "this processor can run portable"))
    }
    for (name, message) in wrong {
      for (program, arguments, ranks) in [
        ("phd-train", ["config.json"], nil), ("phd-train", ["config.json"], 2), ("phd", ["plan", "config.json"], nil),
        ("phd", ["generate", "--checkpoint", checkpoint, "--tokens", "1"], nil),
        ("phd", ["evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "long.h5"], 3),
        ("phd", ["checkpoint", "verify", checkpoint], nil),
      ] as [(String, [String], Int?)] {
        let outcome = try launch(
          program, arguments, ranks: ranks, environment: [KernelChoice.variable: name], directory: workspace.path)
        #expect(outcome.status == 64, "\(program) \(arguments): \(outcome.error)")
        #expect(
          outcome.error.ranges(of: "PHD_KERNELS=\(name): \(message)").count == 1, "\(program): \(outcome.error)")
      }
    }
  }
}
