import Foundation
import TestSupport
import Testing
import Training

/// Damaged checkpoints are detected, reported and not resumed from.
@Suite(.serialized) struct DamagedCheckpointTests {
  enum Damage: CaseIterable, Sendable {
    case cut, flippedInMetadata, flippedInWeights, flippedAtEnd, lengthened, emptied, otherFile

    func apply(to name: String, in workspace: TestWorkspace) throws {
      switch self {
      case .cut: try workspace.cut(name)
      case .flippedInMetadata: try workspace.flip(name) { _ in 700 }
      case .flippedInWeights: try workspace.flip(name)
      case .flippedAtEnd: try workspace.flip(name) { $0 - 1 }
      case .lengthened: try workspace.write(try workspace.bytes(of: name) + [0], to: name)
      case .emptied: try workspace.write([UInt8](), to: name)
      case .otherFile: try workspace.write(try workspace.bytes(of: "train.h5"), to: name)
      }
    }
  }

  @Test(arguments: Damage.allCases) func `a damaged newest checkpoint is passed over without changing the results`(
    damage: Damage
  ) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let newest = "runs/tiny/\(RunFiles.name(10))"
    try damage.apply(to: newest, in: workspace)
    let outcome = try workspace.train(["--stop-after", "12"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains(newest) && outcome.error.contains("passed over"), "\(outcome.error)")
    #expect(outcome.output.contains("resuming at step 5"))
    let run = workspace.run()
    #expect(try run.starts() == [0, 5])
    #expect(try run.records("warning").contains { $0["message"]?.string?.contains(newest) == true })
    #expect(try workspace.train(["--stop-after", "12"], name: "straight").status == 0)
    try expectSame(run, workspace.run("straight"), at: 12)
  }

  @Test func `if all checkpoints are damaged, the run starts from the beginning`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"], ranks: 2).status == 0)
    try workspace.cut("runs/tiny/\(RunFiles.name(10))")
    try workspace.flip("runs/tiny/\(RunFiles.name(5))")
    let outcome = try workspace.train(ranks: 2)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains(RunFiles.name(10)) && outcome.error.contains(RunFiles.name(5)))
    let run = workspace.run()
    #expect(try run.starts() == [0, 0])
    #expect(try workspace.train(name: "straight", ranks: 2).status == 0)
    try expectSame(run, workspace.run("straight"), at: 20)
    #expect(run.checkpoints == [5, 10, 15, 20])
  }

  @Test func `the temporary file of a killed writer is not a checkpoint`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    let whole = try workspace.bytes(of: "runs/tiny/\(RunFiles.name(10))")
    try workspace.write(Array(whole.prefix(whole.count / 2)), to: "runs/tiny/\(RunFiles.name(15)).partial")
    let outcome = try workspace.train()
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    #expect(try workspace.run().starts() == [0, 10])
    #expect(!workspace.run().files.contains { $0.hasSuffix(".partial") })
  }

  @Test func `a log with a truncated last line is continued`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "10"]).status == 0)
    try workspace.write(
      try workspace.bytes(of: "runs/tiny/log.jsonl") + Array(#"{"event":"step","step":11,"lo"#.utf8),
      to: "runs/tiny/log.jsonl")
    #expect(try workspace.train().status == 0)
    #expect(try workspace.train(name: "straight").status == 0)
    try expectSame(workspace.run(), workspace.run("straight"), at: 20)
  }

  /// A file that the user names is never passed over.
  @Test(arguments: ["--resume", "--initialize-from"], [Damage.cut, .flippedInWeights, .flippedInMetadata, .otherFile])
  func `a damaged file given as an option is an error`(option: String, damage: Damage) throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "1"], name: "first").status == 0)
    let file = "runs/first/\(RunFiles.name(1))"
    try damage.apply(to: file, in: workspace)
    let ranks = damage == .cut ? 2 : nil
    try expectError(try workspace.train([option, file], ranks: ranks), 65, naming: [file])
    #expect(workspace.run().checkpoints == [])
  }
}
