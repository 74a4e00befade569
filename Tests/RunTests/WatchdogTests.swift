import Foundation
import TestSupport
import Testing

/// A rank that no longer responds ends the job in time, with a message about every rank.
@Suite(.serialized) struct WatchdogTests {
  private let arguments = [
    "--set", "training.steps=1000000", "--set", "training.watchdog_seconds=2", "--set",
    "training.global_batch_size=12",
  ]

  @Test(arguments: [(2, 4), (0, 3)]) func `a rank that no longer responds ends the job`(silent: Int, ranks: Int) throws
  {
    let workspace = try TestWorkspace()
    let run = workspace.run()
    let running = try workspace.startTraining(arguments, ranks: ranks)
    try #require(running.wait { _ in run.lastStep >= 30 }, "\(running.error)")
    let processes = running.ranks.values
    // Long enough for the watchdogs to exchange messages.
    usleep(500_000)
    try running.signal(SIGSTOP, rank: silent)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 69, "\(outcome.error)")
    // Ignore the messages of mpirun itself.
    let lines = outcome.error.split(separator: "\n").filter { $0.hasPrefix("phd-train: ") || $0.hasPrefix("  rank") }
    let first = try #require(lines.first)
    #expect(first.hasPrefix("phd-train: rank \(silent) on "), "\(first)")
    #expect(first.contains("no sign of life for") && first.contains("training.watchdog_seconds is 2"))
    if silent != 0 {
      #expect(lines.count { $0.hasPrefix("phd-train: ") } == 1)
      for rank in 0..<ranks { #expect(lines.dropFirst().contains { $0.contains("rank \(rank) on ") }) }
      #expect(try run.records("end").last?["reason"]?.string?.hasPrefix("watchdog: rank \(silent)") == true)
    }
    var patience = Patience(seconds: 10)
    while processes.contains(where: isAlive), patience.sleep(milliseconds: 20) {}
    #expect(!processes.contains(where: isAlive))
    let goal = run.lastStep + 20
    #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], ranks: 2).status == 0)
    #expect(try workspace.train(arguments + ["--stop-after", "\(goal)"], name: "straight").status == 0)
    try expectSame(run, workspace.run("straight"), at: goal)
  }

  @Test func `a job that is suspended and continued as a whole is not ended`() throws {
    let workspace = try TestWorkspace()
    let run = workspace.run()
    let running = try workspace.startTraining(
      ["--set", "training.steps=1000000", "--set", "training.watchdog_seconds=1"], ranks: 2)
    try #require(running.wait { _ in run.lastStep >= 30 }, "\(running.error)")
    for rank in 0..<2 { try running.signal(SIGSTOP, rank: rank) }
    usleep(2_500_000)
    for rank in 0..<2 { try running.signal(SIGCONT, rank: rank) }
    let step = run.lastStep
    #expect(running.wait { _ in run.lastStep > step + 30 }, "\(running.error)")
    running.signal(SIGUSR2)
    #expect(try running.wait(timeout: 10).status == 75)
  }
}
