import Foundation
import TestSupport
import Testing
import Training

/// A run killed at any moment resumes from its newest valid checkpoint.
@Suite(.serialized) struct KilledRunTests {
  /// A run that takes much longer than this test.
  private let arguments = [
    "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=40", "--set", "validation.every_steps=50",
  ]

  @Test(arguments: [nil, 2, 3]) func `a run that is killed and restarted equals an uninterrupted run`(
    ranks: Int?
  ) throws {
    let workspace = try TestWorkspace()
    let run = workspace.run()
    for kill in 0..<3 {
      let running = try workspace.startTraining(arguments, ranks: ranks)
      // Ranks that outlive their mpirun still write for a moment, so check that this start has trained.
      let hasTrained = running.wait { _ in
        guard let starts = try? run.starts(), starts.count == kill + 1, let start = starts.last else { return false }
        return run.lastStep >= Int(start) + 60
      }
      try #require(hasTrained, "\(running.error)")
      switch kill {
      case 1 where ranks != nil:
        // Without mpirun, the ranks live for another moment, and the next start waits for them.
        running.signal(SIGKILL)
      case 2 where ranks != nil:
        // One dead rank ends the others.
        try running.signal(SIGKILL, rank: 1)
        #expect(try running.wait(timeout: 10).status != 0)
      default:
        running.kill()
      }
    }
    let goal = run.lastStep + 100
    for name in ["straight", "tiny"] {
      let outcome = try workspace.train(arguments + ["--stop-after", "\(goal)"], name: name, ranks: ranks)
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    try expectSame(run, workspace.run("straight"), at: goal)
    let starts = try run.starts()
    #expect(starts.count == 4 && starts.first == 0 && starts.allSatisfy { $0 % 40 == 0 }, "\(starts)")
    #expect(zip(starts, starts.dropFirst()).allSatisfy { $0 < $1 }, "\(starts)")
    #expect(try run.steps() == (1...goal).map(Double.init))
  }
}
