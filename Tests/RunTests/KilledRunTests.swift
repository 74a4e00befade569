import Foundation
import TestSupport
import Testing
import Training

/// A run whose processes were killed, at any moment, goes on from its newest whole checkpoint.
@Suite(.serialized) struct KilledRunTests {
  /// Long enough to be killed on its way, some seconds.
  private static let steps = 3000
  private let arguments = [
    "--set", "training.steps=\(steps)", "--set", "checkpoint.every_steps=40", "--set", "validation.every_steps=500",
  ]

  @Test(arguments: [nil, 2, 3]) func `killed and started again, it is the run that was not killed`(
    ranks: Int?
  ) throws {
    let workplace = try Workplace()
    let straight = try workplace.train(arguments, name: "straight", ranks: ranks)
    try #require(straight.status == 0, "\(straight.error)")
    let run = workplace.run()
    var killedAt: [Int] = []
    // All processes at once; then one rank, which takes the others with it.
    for (kill, step) in [100, 500].enumerated() {
      let running = try workplace.startTraining(arguments, ranks: ranks)
      try #require(running.wait { _ in run.lastStep >= step }, "\(running.error)")
      if kill == 0 || ranks == nil {
        running.kill()
      } else {
        try running.signal(SIGKILL, rank: 1)
        #expect(try running.wait(timeout: 10).status != 0)
      }
      killedAt.append(run.lastStep)
    }
    #expect(killedAt.allSatisfy { $0 < KilledRunTests.steps }, "it was over before it was killed: \(killedAt)")
    let last = try workplace.train(arguments, ranks: ranks)
    #expect(last.status == 0, "\(last.error)")
    try expectSame(run, workplace.run("straight"), at: KilledRunTests.steps)
    let starts = try run.starts()
    #expect(starts.count == 3 && starts[0] == 0 && starts.allSatisfy { $0 % 40 == 0 }, "\(starts)")
    #expect(starts[1] >= 80 && starts[2] >= 480, "\(starts)")
    #expect(try run.steps() == (1...KilledRunTests.steps).map(Double.init))
  }
}
