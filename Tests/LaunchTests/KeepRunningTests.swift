import Foundation
import TestSupport
import Testing

/// Tests of launch/keep-running.sh with a short script instead of the trainer.
@Suite(.serialized) struct KeepRunningTests {
  private let folder = Result { try TemporaryFolder() }

  /// A script that appends the number of each restart to the file `starts` and then runs `body`.
  private func job(_ body: String) throws -> String {
    let path = try folder.get().path + "/job.sh"
    try Data("#!/bin/bash\necho $PHD_RESTART >>starts\n\(body)\n".utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return path
  }

  private func keepRunning(_ arguments: [String], _ body: String) throws -> RunningProgram {
    try start(
      launchScript("keep-running.sh"), arguments + [try job(body), "first", "second argument"],
      directory: try folder.get().path)
  }

  private func starts() throws -> [String] {
    let text = try String(contentsOfFile: try folder.get().path + "/starts", encoding: .utf8)
    return text.split(separator: "\n").map(String.init)
  }

  @Test func `a job that is killed is restarted until it succeeds`() throws {
    let outcome = try keepRunning(
      ["--delay", "0"],
      #"[ "$1,$2" = "first,second argument" ] || exit 64; [ "$PHD_RESTART" = 3 ] && exit 0; kill -KILL $$"#
    ).wait(timeout: 20)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try starts() == ["0", "1", "2", "3"])
    let lines = outcome.error.split(separator: "\n")
    #expect(lines.count == 3, "\(outcome.error)")
    for (number, line) in lines.enumerated() {
      #expect(line.contains("ended with 137") && line.contains("restart \(number + 1) in 0 s"), "\(line)")
    }
  }

  @Test(arguments: [0, 64, 65, 66, 126, 127]) func `a status that a restart cannot fix ends the script`(status: Int32)
    throws
  {
    let outcome = try keepRunning(["--delay", "0"], "exit \(status)").wait(timeout: 20)
    #expect(outcome.status == status)
    #expect(outcome.error == "")
    #expect(try starts() == ["0"])
  }

  @Test func `a job that ends with 75 without a signal is restarted unless 75 is final`() throws {
    let body = #"[ "$PHD_RESTART" = 1 ] && exit 0; exit 75"#
    #expect(try keepRunning(["--delay", "0"], body).wait(timeout: 20).status == 0)
    #expect(try starts() == ["0", "1"])
    #expect(try keepRunning(["--delay", "0", "--final", "75"], body).wait(timeout: 20).status == 75)
    #expect(try starts() == ["0", "1", "0"])
  }

  @Test func `the number of restarts without a newer checkpoint is limited`() throws {
    // Only the third start writes a checkpoint.
    let outcome = try keepRunning(
      ["--run", "run", "--tries", "2", "--delay", "0"],
      #"mkdir -p run; [ "$PHD_RESTART" = 2 ] && : >run/step-00000005.h5; exit 1"#
    ).wait(timeout: 30)
    #expect(outcome.status == 1)
    #expect(try starts() == ["0", "1", "2", "3", "4"])
    #expect(outcome.error.contains("no checkpoint yet; restart 2 in 0 s"), "\(outcome.error)")
    #expect(outcome.error.contains("newest checkpoint at step 5; restart 3 in 0 s"), "\(outcome.error)")
    #expect(outcome.error.hasSuffix("giving up after 2 restarts in a row without progress\n"), "\(outcome.error)")
  }

  @Test func `the delay doubles up to its limit`() throws {
    let outcome = try keepRunning(
      ["--tries", "3", "--restarts", "3", "--delay", "1", "--longest-delay", "2"], "exit 9"
    ).wait(timeout: 30)
    #expect(outcome.status == 9)
    for line in ["restart 1 in 1 s", "restart 2 in 2 s", "restart 3 in 2 s", "giving up after 3 restarts"] {
      #expect(outcome.error.contains(line), "\(outcome.error)")
    }
  }

  @Test(arguments: [("INT", SIGINT), ("TERM", SIGTERM), ("HUP", SIGHUP), ("USR2", SIGUSR2)])
  func `a signal is forwarded to the job and ends the script`(name: String, number: Int32) throws {
    let running = try keepRunning(
      ["--delay", "0"],
      """
      trap 'echo heard USR1' USR1
      trap 'echo heard \(name); [ -n "$once" ] && exit 75; once=yes' \(name)
      echo ready; for n in {1..600}; do sleep 0.1; done
      """)
    try #require(running.wait { $0.output.contains("ready") }, "\(running.error)")
    running.signal(SIGUSR1)
    #expect(running.wait { $0.output.contains("heard USR1") })
    for count in 1...2 {
      running.signal(number)
      _ = running.wait { $0.output.components(separatedBy: "heard \(name)").count > count }
    }
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status == 75, "\(outcome.error)")
    #expect(outcome.output == "ready\nheard USR1\nheard \(name)\nheard \(name)\n")
    #expect(try starts() == ["0"])
  }

  @Test func `a signal during a delay ends the script immediately`() throws {
    let running = try keepRunning(["--delay", "1000"], "exit 1")
    try #require(running.wait { $0.error.contains("in 1000 s") }, "\(running.error)")
    running.signal(SIGUSR1)
    usleep(200_000)
    #expect(running.isRunning)
    running.signal(SIGTERM)
    #expect(try running.wait(timeout: 10).status == 75)
    #expect(try starts() == ["0"])
  }

  @Test(arguments: [
    [], ["--delay"], ["--delay", "soon", "x"], ["--unknown", "1", "x"], ["--run", "", "x"],
    ["launch/local.sh", "1", "c.json", "--overwrite"], ["launch/local.sh", "1", "c.json", "--resume", "never"],
    ["launch/local.sh", "1", "c.json", "--resume=runs/a/step-00000001.h5"],
  ]) func `invalid usage and options that would lose progress end with 64`(arguments: [String]) throws {
    let outcome = try launch(launchScript("keep-running.sh"), arguments)
    #expect(outcome.status == 64)
    #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
  }
}
