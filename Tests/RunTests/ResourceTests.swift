import Foundation
import TestSupport
import Testing

/// If the system refuses threads, files or memory, a program ends with one message and status 74, and no rank hangs.
@Suite(.serialized) struct ResourceTests {
  // MARK: threads

  /// Thread limits do not apply to root, so the tests run programs as an unused user.
  private static let canLimitThreads: Bool = {
    guard geteuid() == 0 else { return false }
    let outcome = try? launch("/usr/bin/env", limited(to: 50, as: 70_000) + ["\(buildDirectory)/phd", "--version"])
    return outcome?.status == 0
  }()

  /// The start of a command that runs as a user with a limit of `count` threads.
  private static func limited(to count: Int, as user: Int) -> [String] {
    ["prlimit", "--nproc=\(count)", "setpriv", "--reuid=\(user)", "--clear-groups"]
  }

  /// A workspace that any user may write to.
  private func publicWorkspace() throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: workspace.path)
    return workspace
  }

  private func expectNoThread(_ outcome: Outcome, _ count: Int) throws {
    try expectError(outcome, 74, naming: ["cannot start a thread", "Resource temporarily unavailable"])
    #expect(outcome.error.contains("ulimit -u is \(count)"), "\(outcome.error)")
  }

  @Test(.enabled(if: canLimitThreads, "this takes root, whose programs another user can run"))
  func `with any thread limit, a run succeeds or reports the limit`() throws {
    var statuses: [Int32] = []
    for count in 1...6 {
      let workspace = try publicWorkspace()
      let outcome = try launch(
        "/usr/bin/env",
        ResourceTests.limited(to: count, as: 70_001) + [
          "\(buildDirectory)/phd-train", "config.json", "--set", "training.threads=2", "--stop-after", "6",
        ], directory: workspace.path, timeout: 20)
      statuses.append(outcome.status)
      if outcome.status != 0 { try expectNoThread(outcome, count) }
      if count == 3 {
        // If the thread for reading batches is refused, the run has started, and its log records the error.
        let end = try workspace.run().records("end").last?["reason"]?.string ?? ""
        #expect(end.contains("cannot start a thread"), "\(end)")
      }
    }
    #expect(statuses.first == 74 && statuses.last == 0, "\(statuses)")
  }

  /// The limit applies to mpirun and all ranks together.
  @Test(.enabled(if: canLimitThreads, "this takes root, whose programs another user can run"))
  func `with any thread limit, several ranks succeed or one reports the limit`() throws {
    var statuses: [Int32] = []
    for count in [9, 11, 13, 15, 17, 19, 40] {
      let workspace = try publicWorkspace()
      let command = #"ulimit -u \#(count); exec "$@""#
      let outcome = try launch(
        "/usr/bin/env",
        [
          "setpriv", "--reuid=70002", "--clear-groups", "mpirun", "--quiet", "-n", "2", "--bind-to", "none",
          "bash", "-c", command, "bash", "\(buildDirectory)/phd-train", "config.json", "--stop-after", "2",
        ], environment: TestWorkspace.environment.merging(["OMPI_MCA_rmaps_base_oversubscribe": "1"]) { $1 },
        directory: workspace.path, timeout: 30)
      statuses.append(outcome.status)
      // Two ranks may compete for the last threads after both have found enough: then Open MPI prints its own error.
      let isOurs = !["PMIX ERROR", "OPAL ERROR", "MPI_ERRORS_ARE_FATAL"].contains { outcome.error.contains($0) }
      if outcome.status != 0 && isOurs { try expectNoThread(outcome, count) }
    }
    #expect(statuses.first == 74 && statuses.last == 0, "\(statuses)")
  }

  @Test(.enabled(if: canLimitThreads, "this takes root, whose programs another user can run"))
  func `with too few threads, commands on checkpoints and corpora report the limit`() throws {
    let workspace = try publicWorkspace()
    try workspace.write("one two three\n", to: "text.txt")
    #expect(try workspace.train(["--stop-after", "1"]).status == 0)
    let checkpoint = workspace.run().checkpoint(1)
    for (enough, command) in [
      (9, ["corpus", "build", "text.txt", "--output", "b.h5", "--tokenizer", "bytes", "--threads", "4"]),
      (9, ["corpus", "train-tokenizer", "text.txt", "--output", "t.json", "--vocab-size", "260", "--threads", "4"]),
      (4, ["evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "long.h5", "--threads", "3"]),
      (4, ["inspect", "copies", "--checkpoint", checkpoint, "--corpus", "long.h5", "--threads", "3"]),
      (4, ["generate", "--checkpoint", checkpoint, "--tokens", "1,2", "--max-new-tokens", "2", "--threads", "3"]),
      (4, ["benchmark", "train", "config.json", "--steps", "1", "--set", "training.threads=3"]),
    ] {
      for (count, status) in [(2, Int32(74)), (enough, 0)] {
        let outcome = try launch(
          "/usr/bin/env", ResourceTests.limited(to: count, as: 70_003) + ["\(buildDirectory)/phd"] + command,
          directory: workspace.path, timeout: 20)
        #expect(outcome.status == status, "\(command) \(count): \(outcome.error)")
        if status == 74 { try expectNoThread(outcome, count) }
      }
    }
  }

  @Test(.enabled(if: canLimitThreads, "this takes root, whose programs another user can run"))
  func `with any thread limit, the server responds or reports the limit`() throws {
    let workspace = try publicWorkspace()
    #expect(try workspace.train(["--stop-after", "1"]).status == 0)
    var served: [Bool] = []
    for count in [1, 2, 3, 5, 6, 7, 12] {
      let server = try start(
        "/usr/bin/env",
        ResourceTests.limited(to: count, as: 70_004) + [
          "\(buildDirectory)/phd", "serve", "--checkpoint", workspace.run().checkpoint(1), "--port", "0", "--threads",
          "2", "--max-length", "64",
        ], directory: workspace.path)
      served.append(server.wait(timeout: 20) { $0.output.contains("serving") })
      server.signal(SIGTERM)
      let outcome = try server.wait(timeout: 20)
      if served.last == true { #expect(outcome.status == 0) } else { try expectNoThread(outcome, count) }
    }
    #expect(served.first == false && served.last == true, "\(served)")
  }

  @Test(.enabled(if: canLimitThreads, "this takes root, whose programs another user can run"))
  func `a background checkpoint without a thread is written at once`() throws {
    let workspace = try publicWorkspace()
    // The main thread, and the threads for signals and batches.
    let outcome = try launch(
      "/usr/bin/env",
      ResourceTests.limited(to: 3, as: 70_005) + [
        "\(buildDirectory)/phd-train", "config.json", "--set", "checkpoint.background=true", "--stop-after", "7",
      ], directory: workspace.path)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(workspace.run().checkpoints == [5, 7])
  }

  // MARK: open files

  @Test func `a run can open more shards than the usual limit of open files`() throws {
    let workspace = try TestWorkspace()
    try workspace.makeShards(1100)
    let outcome = try launch(
      "/bin/bash",
      [
        "-c", #"ulimit -Sn 1024; exec "$0" config.json --stop-after 1 --set data.train='shards/*.h5'"#,
        "\(buildDirectory)/phd-train",
      ], directory: workspace.path)
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  @Test(arguments: [nil, 2]) func `more shards than the limit of open files are an error with both numbers`(
    ranks: Int?
  ) throws {
    let workspace = try TestWorkspace()
    try workspace.makeShards(300)
    let outcome = try launch(
      "/bin/bash",
      [
        "-c", #"ulimit -n 256; exec "$0" config.json --stop-after 1 --set data.train='shards/*.h5'"#,
        "\(buildDirectory)/phd-train",
      ], ranks: ranks, environment: TestWorkspace.environment, directory: workspace.path)
    try expectError(
      outcome, 74, naming: ["Too many open files", "shards/*.h5 is 300 files", "the limit is 256", "ulimit -Hn"])
    let benchmark = "benchmark train config.json --corpus --steps 1 --set data.train='shards/*.h5'"
    let evaluated = try launch(
      "/bin/bash", ["-c", #"ulimit -n 256; exec "$0" \#(benchmark)"#, "\(buildDirectory)/phd"], ranks: ranks,
      environment: TestWorkspace.environment, directory: workspace.path)
    try expectError(evaluated, 74, naming: ["Too many open files", "the limit is 256"])
  }

  @Test func `ranks that cannot open sockets to each other report it and do not hang`() throws {
    let workspace = try TestWorkspace()
    let environment = TestWorkspace.environment.merging(["OMPI_MCA_btl": "tcp,self"]) { $1 }
    for (limit, status) in [(30, Int32(74)), (80, 0)] {
      let command = "ulimit -n \(limit); exec \"$0\" config.json --stop-after 1 --set training.global_batch_size=16"
      let outcome = try launch(
        "/bin/bash", ["-c", command, "\(buildDirectory)/phd-train"], ranks: 16, environment: environment,
        directory: workspace.path, timeout: 120)
      #expect(outcome.status == status, "\(outcome.error)")
      if status == 74 {
        try expectError(
          outcome, 74,
          naming: ["Too many open files", "each of the 15 ranks that it reaches over TCP", "the limit is \(limit)"])
      }
    }
  }

  // MARK: memory

  /// Without memory, OpenBLAS retries forever, and Open MPI hangs or aborts. With the lowest of these limits, the
  /// system cannot load the program (127).
  @Test(
    arguments: [
      (nil, [100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 2_000_000]),
      (2, [250_000, 400_000, 600_000, 3_000_000]),
    ] as [(Int?, [Int])]) func `with any ulimit -v, a run succeeds or ends with an error`(ranks: Int?, limits: [Int])
    throws
  {
    let workspace = try TestWorkspace()
    var statuses: [Int32] = []
    for limit in limits {
      let outcome = try launch(
        "/bin/bash",
        [
          "-c", "ulimit -v \(limit); exec \"$0\" config.json --overwrite --stop-after 1", "\(buildDirectory)/phd-train",
        ], ranks: ranks, environment: TestWorkspace.environment, directory: workspace.path, timeout: 25)
      statuses.append(outcome.status)
      #expect([0, 64, 74, 127].contains(outcome.status), "\(limit): \(outcome.error)")
      if [64, 74].contains(outcome.status) { try expectError(outcome, outcome.status, naming: ["ulimit -v"]) }
    }
    #expect(statuses.contains(74) && statuses.last == 0, "\(statuses)")
  }

  @Test(arguments: [nil, 2]) func `a model that exceeds ulimit -v is an error`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let outcome = try launch(
      "/bin/bash",
      [
        "-c",
        #"ulimit -v 3000000; exec "$0" config.json --set model.hidden_size=4096 --set model.intermediate_size=16384"#,
        "\(buildDirectory)/phd-train",
      ], ranks: ranks, environment: TestWorkspace.environment, directory: workspace.path)
    try expectError(outcome, 64, naming: ["a rank would take", "ulimit -v", "raise the limit"])
  }
}

extension TestWorkspace {
  /// Small corpora of two samples each, in `shards/`.
  fileprivate func makeShards(_ count: Int) throws {
    try FileManager.default.createDirectory(atPath: self["shards"], withIntermediateDirectories: true)
    try writeCorpus(TestWorkspace.tokens(samples: 2, seed: 1), to: "shards/0.h5")
    let bytes = try bytes(of: "shards/0.h5")
    for number in 1..<count { try write(bytes, to: "shards/\(number).h5") }
  }
}
