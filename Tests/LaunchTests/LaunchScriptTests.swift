import Foundation
import TestSupport
import Testing

/// Tests of the scripts of launch/ with `mpi-checks` instead of the trainer.
@Suite(.serialized) struct LaunchScriptTests {
  @Test func `local.sh starts the given number of ranks`() throws {
    let outcome = try launch(launchScript("local.sh"), ["3", "time", "1000"], environment: program)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("ranks 3"))
  }

  @Test func `local.sh ends with the program's status and only its message`() throws {
    let outcome = try launch(launchScript("local.sh"), ["1", "unknown"], environment: program)
    #expect(outcome.status == 64)
    #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
  }

  @Test(arguments: [[], ["2"], ["0", "x"], ["two", "x"]]) func `invalid usage ends with 64`(arguments: [String]) throws
  {
    #expect(try launch(launchScript("local.sh"), arguments).status == 64)
  }

  /// The scripts must not assume any variable: a missing one is reported in the usage, not by the shell.
  @Test(arguments: [
    "find-program.sh", "keep-running.sh", "local.sh", "multi-host.sh", "python.sh", "with-signals.sh", "slurm.sbatch",
  ]) func `a script without arguments and environment prints its usage`(script: String) throws {
    let outcome = try bare(script)
    #expect(outcome.status == 64, "\(outcome.error)")
    #expect(outcome.error.contains("usage: "), "\(outcome.error)")
    #expect(!outcome.error.contains("unbound variable"), "\(outcome.error)")
  }

  @Test func `slurm.sbatch outside of Slurm says how to submit it`() throws {
    let outcome = try bare("slurm.sbatch", "c.json")
    #expect(outcome.status == 64, "\(outcome.error)")
    #expect(outcome.error.contains("sbatch") && outcome.error.contains("launch/local.sh"), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
  }

  @Test func `hosts that do not respond are named, and the script fails if none responds`() throws {
    let folder = try TemporaryFolder()
    try Data("# two\nnowhere.invalid slots=2\n\nnobody.invalid\n".utf8)
      .write(to: folder.url.appendingPathComponent("hosts"))
    let outcome = try launch(
      launchScript("multi-host.sh"), ["--answering", "hosts", "1", "c.json"], environment: program,
      directory: folder.path)
    #expect(outcome.status == 69)
    for name in ["nowhere.invalid does not", "nobody.invalid does not", "no host of hosts"] {
      #expect(outcome.error.contains(name), "\(outcome.error)")
    }
    let missing = try launch(
      launchScript("multi-host.sh"), ["others", "1", "c.json"], environment: program, directory: folder.path)
    #expect(missing.status == 66 && missing.error.contains("others"), "\(missing.error)")
    #expect(try launch(launchScript("multi-host.sh"), ["--answering", "hosts", "no", "c.json"]).status == 64)
  }

  @Test func `a hostfile with CR LF is refused`() throws {
    let folder = try TemporaryFolder()
    try Data("nowhere.invalid slots=2\r\n".utf8).write(to: folder.url.appendingPathComponent("hosts"))
    for options in [[], ["--answering"]] {
      let outcome = try launch(
        launchScript("multi-host.sh"), options + ["hosts", "1", "c.json"], environment: program,
        directory: folder.path)
      #expect(outcome.status == 64 && outcome.error.contains("CR LF"), "\(outcome.error)")
    }
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGUSR2]) func `a signal to local.sh lets all ranks save and stop`(number: Int32)
    throws
  {
    let running = try readyProgram()
    running.signal(SIGUSR1)
    #expect(running.wait { $0.output.contains("signal \(SIGUSR1) on rank 1") })
    running.signal(number)
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status == 75)
    for rank in 0..<2 { #expect(outcome.output.contains("signal \(SIGUSR2) on rank \(rank)")) }
    #expect(!outcome.output.contains("signal \(SIGTERM) on"))
  }

  @Test func `a second signal kills the ranks`() throws {
    let running = try readyProgram("ignore-signals")
    running.signal(SIGTERM)
    #expect(running.wait { $0.output.components(separatedBy: "signal \(SIGUSR2)").count == 3 })
    running.signal(SIGTERM)
    let outcome = try running.wait(timeout: 10)
    #expect(outcome.status != 0 && outcome.status != 75)
  }

  /// A script instead of mpirun. The first starts a rank that ends, and then waits longer; the second starts none.
  @Test(arguments: [("OMPI_COMM_WORLD_RANK=0 sleep 3; exec sleep 60", Int32(69)), ("sleep 4; exit 3", 3)])
  func `with-signals.sh waits for mpirun unless its ranks on this host have ended`(job: String, status: Int32) throws {
    let outcome = try launch(
      launchScript("with-signals.sh"), ["bash", "-c", job], environment: ["PHD_LOST_HOST_SECONDS": "2"], timeout: 20)
    #expect(outcome.status == status)
    #expect(outcome.error.contains("host that no longer answers") == (status == 69), "\(outcome.error)")
  }

  /// Runs a script with an environment that contains only PATH.
  private func bare(_ script: String, _ arguments: String...) throws -> Outcome {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return try launch("/usr/bin/env", ["-i", "PATH=\(path)", "bash", launchScript(script)] + arguments)
  }

  private var program: [String: String] { ["PHD_TRAIN": "\(buildDirectory)/mpi-checks"] }

  private func readyProgram(_ mode: String = "wait-for-signal") throws -> RunningProgram {
    let running = try start(launchScript("local.sh"), ["2", mode], environment: program)
    try #require(
      running.wait { $0.output.components(separatedBy: "ready").count == 3 }, "\(running.output) \(running.error)")
    return running
  }
}

/// The path of a script of launch/.
func launchScript(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("launch/\(name)").path
}
