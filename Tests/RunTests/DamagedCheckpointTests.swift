import Foundation
import TestSupport
import Testing
import Training

/// Checkpoints that are not what was written are noticed, reported, and not gone on from.
@Suite(.serialized) struct DamagedCheckpointTests {
  enum Damage: CaseIterable, Sendable {
    case cut, flippedInMetadata, flippedInWeights, flippedAtEnd, lengthened, emptied, otherFile

    func apply(to name: String, in workplace: Workplace) throws {
      switch self {
      case .cut: try workplace.cut(name)
      case .flippedInMetadata: try workplace.flip(name) { _ in 700 }
      case .flippedInWeights: try workplace.flip(name)
      case .flippedAtEnd: try workplace.flip(name) { $0 - 1 }
      case .lengthened: try workplace.write(try workplace.bytes(of: name) + [0], to: name)
      case .emptied: try workplace.write([UInt8](), to: name)
      case .otherFile: try workplace.write(try workplace.bytes(of: "train.h5"), to: name)
      }
    }
  }

  @Test(arguments: Damage.allCases) func `the newest is passed over, and the bits are the same`(
    damage: Damage
  ) throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "10"]).status == 0)
    let newest = "runs/tiny/\(RunFiles.name(10))"
    try damage.apply(to: newest, in: workplace)
    let outcome = try workplace.train(["--stop-after", "12"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains(newest) && outcome.error.contains("passed over"), "\(outcome.error)")
    #expect(outcome.output.contains("resuming at step 5"))
    let run = workplace.run()
    #expect(try run.starts() == [0, 5])
    #expect(try run.records("warning").contains { $0["message"]?.string?.contains(newest) == true })
    #expect(try workplace.train(["--stop-after", "12"], name: "straight").status == 0)
    try expectSame(run, workplace.run("straight"), at: 12)
  }

  @Test func `where all are damaged the run starts anew`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "10"], ranks: 2).status == 0)
    try workplace.cut("runs/tiny/\(RunFiles.name(10))")
    try workplace.flip("runs/tiny/\(RunFiles.name(5))")
    let outcome = try workplace.train(ranks: 2)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains(RunFiles.name(10)) && outcome.error.contains(RunFiles.name(5)))
    let run = workplace.run()
    #expect(try run.starts() == [0, 0])
    #expect(try workplace.train(name: "straight", ranks: 2).status == 0)
    try expectSame(run, workplace.run("straight"), at: 20)
    #expect(run.checkpoints == [5, 10, 15, 20])
  }

  @Test func `what a killed writer left is no checkpoint`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "10"]).status == 0)
    let whole = try workplace.bytes(of: "runs/tiny/\(RunFiles.name(10))")
    try workplace.write(Array(whole.prefix(whole.count / 2)), to: "runs/tiny/\(RunFiles.name(15)).partial")
    let outcome = try workplace.train()
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    #expect(try workplace.run().starts() == [0, 10])
    #expect(!workplace.run().files.contains { $0.hasSuffix(".partial") })
  }

  @Test func `a log whose last line was cut is continued`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "10"]).status == 0)
    try workplace.write(
      try workplace.bytes(of: "runs/tiny/log.jsonl") + Array(#"{"event":"step","step":11,"lo"#.utf8),
      to: "runs/tiny/log.jsonl")
    #expect(try workplace.train().status == 0)
    #expect(try workplace.train(name: "straight").status == 0)
    try expectSame(workplace.run(), workplace.run("straight"), at: 20)
  }

  /// A file that is named by the user is not passed over.
  @Test(arguments: ["--resume", "--initialize-from"], [Damage.cut, .flippedInWeights, .flippedInMetadata, .otherFile])
  func `a damaged file that is named is an error`(option: String, damage: Damage) throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "1"], name: "first").status == 0)
    let file = "runs/first/\(RunFiles.name(1))"
    try damage.apply(to: file, in: workplace)
    let ranks = damage == .cut ? 2 : nil
    try expectError(try workplace.train([option, file], ranks: ranks), 65, naming: [file])
    #expect(workplace.run().checkpoints == [])
  }
}
