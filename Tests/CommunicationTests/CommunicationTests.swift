import Foundation
import TestSupport
import Testing

/// Each test runs `mpi-checks` (Tests/MPIChecks) under `mpirun`. The tests run sequentially, because each uses all
/// cores.
@Suite(.serialized) struct CommunicationTests {
  @Test(arguments: [1, 2, 3, 4, 8]) func `every check passes on all ranks`(ranks: Int) throws {
    let outcome = try launch("mpi-checks", ranks: ranks)
    let lines = outcome.output.split(separator: "\n")
    for line in lines where line.hasPrefix("FAILED") { Issue.record("\(ranks) ranks: \(line)") }
    #expect(outcome.status == 0, "\(outcome.error.suffix(2000))")
    let passed = lines.count { $0.hasPrefix("ok ") }
    #expect(lines.last == "\(passed) ok, 0 failed, \(ranks) ranks")
    #expect(passed >= 28)
  }

  @Test func `a program started without mpirun is one rank`() throws {
    let outcome = try launch("mpi-checks")
    #expect(outcome.status == 0, "\(outcome.error.suffix(2000))")
    #expect(outcome.output.hasSuffix(" ok, 0 failed, 1 ranks\n"))
  }

  @Test func `abort ends all ranks with its status`() throws {
    #expect(try launch("mpi-checks", ["abort"], ranks: 3, timeout: 10).status == 70)
  }

  @Test func `signals reach the ranks through mpirun`() throws {
    let program = try readyProgram()
    program.signal(SIGUSR1)
    #expect(program.wait { $0.output.occurrences(of: "signal \(SIGUSR1)") == 2 })
    program.signal(SIGUSR2)
    let outcome = try program.wait(timeout: 10)
    #expect(outcome.output.occurrences(of: "signal \(SIGUSR2)") == 2)
    #expect(outcome.status == 75)
  }

  @Test func `a killed rank ends the other ranks`() throws {
    let program = try readyProgram()
    let ranks = program.ranks
    #expect(ranks.keys.sorted() == [0, 1])
    try program.signal(SIGKILL, rank: 1)
    let outcome = try program.wait(timeout: 10)
    #expect(outcome.status != 0)
    var patience = Patience(seconds: 5)
    while ranks.values.contains(where: isAlive), patience.sleep(milliseconds: 10) {}
    #expect(!ranks.values.contains(where: isAlive))
  }

  /// Two ranks that wait for a signal.
  private func readyProgram() throws -> RunningProgram {
    let program = try start("mpi-checks", ["wait-for-signal"], ranks: 2)
    try #require(program.wait { $0.output.occurrences(of: "ready") == 2 }, "\(program.error)")
    return program
  }
}

/// Tests of the helper functions that start programs in these tests and in those of the trainer.
@Suite(.serialized) struct LaunchTests {
  @Test func `a large output does not block`() throws {
    let outcome = try launch("/bin/sh", ["-c", "seq 1 200000; seq 1 200000 >&2; exit 3"])
    #expect(outcome.status == 3)
    #expect(outcome.output.hasSuffix("\n200000\n"))
    #expect(outcome.error == outcome.output)
  }

  @Test func `a program that does not end is killed`() throws {
    let start = ContinuousClock.now
    #expect(throws: LaunchError.self) { try launch("/bin/sleep", ["1000"], timeout: 0.3) }
    #expect(ContinuousClock.now - start < .seconds(500))
  }

  @Test func `a program gets its environment and directory`() throws {
    let outcome = try launch(
      "/bin/sh", ["-c", "echo $OPENBLAS_CORETYPE $PHD_TEST; pwd"], environment: ["PHD_TEST": "yes"], directory: "/")
    #expect(outcome.output == "yes\n/\n")
  }

  @Test func `the status of a killed program contains the signal`() throws {
    let program = try start("/bin/sleep", ["100"])
    program.signal(SIGKILL)
    #expect(try program.wait(timeout: 5).status == 128 + SIGKILL)
  }
}

extension String {
  fileprivate func occurrences(of part: String) -> Int {
    components(separatedBy: part).count - 1
  }
}
