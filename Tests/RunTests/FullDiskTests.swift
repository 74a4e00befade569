import Foundation
import TestSupport
import Testing

/// While the disk is full, a run loses only its checkpoints. The tests simulate a full disk by a limit on file sizes,
/// which can be lifted during the run.
@Suite(.serialized) struct FullDiskTests {
  /// With sharded moments, the other ranks send theirs while rank 0 writes. The limits fail early and late in the file.
  @Test(arguments: [(nil, 30, false, false), (2, 30, false, true), (2, 10, true, false), (3, 50, true, true)])
  func `a full disk costs checkpoints but no progress`(ranks: Int?, blocks: Int, sharded: Bool, background: Bool) throws
  {
    let workspace = try TestWorkspace()
    try workspace.write(
      TestWorkspace.configuration.replacing("\"optimizer\": {", with: "\"optimizer\": { \"sharded\": \(sharded),")
        .replacing("\"checkpoint\": {", with: "\"checkpoint\": { \"background\": \(background),"),
      to: "config.json")
    #expect(try workspace.train(["--stop-after", "5"], ranks: ranks).status == 0)
    let outcome = try launch(
      "/bin/bash", ["-c", #"ulimit -f \#(blocks); exec "$0" config.json"#, "\(buildDirectory)/phd-train"], ranks: ranks,
      environment: TestWorkspace.environment, directory: workspace.path)
    #expect(outcome.status == 74, "\(outcome.error)")
    // The run continues without two checkpoints, but must fail without the last one.
    let lines = outcome.error.split(separator: "\n")
    try #require(lines.count == 3, "\(outcome.error)")
    for (line, step) in zip(lines, [10, 15]) {
      #expect(line.hasPrefix("phd-train: warning: runs/tiny/\(RunFiles.name(step)): cannot be written"))
      #expect(line.contains("The run goes on"))
    }
    #expect(lines[2].hasPrefix("phd-train: runs/tiny/\(RunFiles.name(20)): cannot be written"))
    let run = workspace.run()
    #expect(run.checkpoints == [5])
    #expect(!run.files.contains { $0.hasSuffix(".partial") })
    #expect(try run.steps().last == 20)
    #expect(try run.records("warning").compactMap { $0["step"]?.integer }.count == 2)
    #expect(try run.records("end").last?["reason"]?.string?.contains(RunFiles.name(20)) == true)
    #expect(try workspace.phd("checkpoint", "verify", run.checkpoint(5)).status == 0)
    #expect(try workspace.train(ranks: ranks).status == 0)
    #expect(try workspace.train(name: "straight", ranks: ranks).status == 0)
    try expectSame(run, workspace.run("straight"), at: 20)
  }

  /// The log and the checkpoints fail at the same time. When there is space again, the log's records are written first.
  @Test(arguments: [false, true]) func `after the disk has space again, the log and checkpoints are complete`(
    background: Bool
  ) throws {
    let workspace = try TestWorkspace()
    let running = try start(
      "/bin/bash",
      [
        "-c", #"ulimit -S -f 8; exec "$@""#, "bash", "\(buildDirectory)/phd-train", "config.json", "--set",
        "training.steps=1000000", "--set", "checkpoint.background=\(background)",
      ], environment: TestWorkspace.environment, directory: workspace.path)
    let run = workspace.run()
    // Wait until the log and a checkpoint have failed.
    try #require(
      running.wait { $0.error.contains("as soon as there is space") && $0.error.contains("the checkpoint of") })
    let files = openFiles(of: running.processIdentifier)
    let warnings = running.error.components(separatedBy: "The run goes on without").count
    try #require(running.wait { $0.error.components(separatedBy: "The run goes on without").count > warnings + 20 })
    // Repeated failures must not leave files open.
    #expect(openFiles(of: running.processIdentifier) <= files + 2)
    #expect(run.checkpoints.isEmpty)
    let lifted = try launch("/usr/bin/prlimit", ["--pid", "\(running.processIdentifier)", "--fsize=unlimited"])
    #expect(lifted.status == 0, "\(lifted.error)")
    try #require(running.wait { _ in !run.checkpoints.isEmpty }, "\(running.error)")
    running.signal(SIGTERM)
    #expect(try running.wait(timeout: 10).status == 75)
    let steps = try run.steps()
    #expect(steps == (1...steps.count).map { Double($0) })
    #expect(run.checkpoints.last == steps.count)
    let goal = steps.count + 10
    for name in ["straight", "tiny"] {
      let more = ["--set", "training.steps=1000000", "--stop-after", "\(goal)"]
      #expect(try workspace.train(more, name: name).status == 0)
    }
    try expectSame(run, workspace.run("straight"), at: goal)
  }

  @Test func `a log that can never be written is an error at the end of the run`() throws {
    let workspace = try TestWorkspace()
    let outcome = try launch(
      "/bin/bash",
      ["-c", #"ulimit -f 4; exec "$0" config.json --set checkpoint.every_steps=1000"#, "\(buildDirectory)/phd-train"],
      ranks: 2, environment: TestWorkspace.environment, directory: workspace.path)
    #expect(outcome.status == 74)
    let lines = outcome.error.split(separator: "\n")
    try #require(lines.count == 2, "\(outcome.error)")
    #expect(lines[0].hasPrefix("phd-train: warning: runs/tiny/log.jsonl: cannot be written"))
    #expect(lines[1].hasPrefix("phd-train: runs/tiny/log.jsonl: cannot be written"))
  }

  private func openFiles(of process: Int32) -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []).count
  }
}
