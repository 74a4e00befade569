import Foundation
import TestSupport
import Testing

/// A full disk costs a run its checkpoints while it is full, and nothing else. No file may be larger than a limit: it is
/// what a full disk is to who writes, and can be lifted while the run goes on.
@Suite(.serialized) struct FullDiskTests {
  /// Where the moments are sharded, the others send theirs while rank 0 writes: early and late in the file.
  @Test(arguments: [(nil, 30, false, false), (2, 30, false, true), (2, 10, true, false), (3, 50, true, true)])
  func `a full disk loses nothing`(ranks: Int?, blocks: Int, sharded: Bool, background: Bool) throws {
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
    // Two checkpoints that the run went on without, and the last, without which it must not end well.
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

  /// Log and checkpoints at once: what the log could not take comes first when there is room again.
  @Test(arguments: [false, true]) func `with room again, it is as if the disk had never been full`(
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
    // The log is full, and a checkpoint could not be written.
    try #require(
      running.wait { $0.error.contains("as soon as there is room") && $0.error.contains("the checkpoint of") })
    let files = openFiles(of: running.processIdentifier)
    let warnings = running.error.components(separatedBy: "The run goes on without").count
    try #require(running.wait { $0.error.components(separatedBy: "The run goes on without").count > warnings + 20 })
    // What fails again and again must not leave files open.
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

  @Test func `a log that can never be written ends the run at its end`() throws {
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
