import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// Corpora that change while a run reads them.
@Suite(.serialized) struct ChangedDataTests {
  private static let long = [
    "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=1000000", "--set",
    "validation.every_steps=1000000",
  ]

  enum Change: CaseIterable, Sendable {
    case zeroed, overwritten, truncated, otherFile, zeroedForAWhile

    /// Overwrites the existing file, which keeps its inode.
    func apply(to name: String, in workspace: TestWorkspace) throws {
      let bytes = try workspace.bytes(of: name)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: workspace[name]))
      defer { try? file.close() }
      func write(_ new: [UInt8]) throws {
        try file.seek(toOffset: 0)
        try file.write(contentsOf: Data(new))
        try file.truncate(atOffset: UInt64(new.count))
      }
      // The tokens are at the end of the file.
      let count = bytes.count > 100_000 ? bytes.count / 2 : 800
      let zeroed = Array(bytes.dropLast(count)) + [UInt8](repeating: 0, count: count)
      switch self {
      case .zeroed: try write(zeroed)
      case .overwritten:
        let others = (0..<400).flatMap { (index: Int) -> [UInt8] in [UInt8(index % 61), 0] }
        try write(Array(bytes.dropLast(800)) + others)
      case .truncated: try file.truncate(atOffset: UInt64(bytes.count - 400))
      case .otherFile:
        try workspace.writeCorpus(TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 9), to: "other.h5")
        try write(try workspace.bytes(of: "other.h5"))
      case .zeroedForAWhile:
        try write(zeroed)
        usleep(300_000)
        try write(bytes)
      }
    }
  }

  private func started(_ workspace: TestWorkspace, _ arguments: [String] = [], ranks: Int? = nil) throws
    -> RunningProgram
  {
    let running = try workspace.startTraining(ChangedDataTests.long + arguments, ranks: ranks)
    try #require(running.wait { _ in workspace.run().lastStep >= 10 }, "\(running.error)")
    return running
  }

  @Test(arguments: Change.allCases) func `nothing learned from changed tokens is saved`(change: Change) throws {
    let workspace = try TestWorkspace()
    let ranks = change == .zeroed || change == .zeroedForAWhile ? 2 : nil
    if change == .zeroedForAWhile {
      // Larger than HDF5's cache, so the run does read the zeros.
      try workspace.writeCorpus(TestWorkspace.tokens(samples: 20_000, seed: 1), to: "train.h5")
    }
    let running = try started(workspace, ["--set", "checkpoint.background=\(change == .overwritten)"], ranks: ranks)
    try change.apply(to: "train.h5", in: workspace)
    let step = workspace.run().lastStep
    #expect(running.wait { _ in workspace.run().lastStep > step + 10 || change == .truncated || change == .otherFile })
    running.signal(SIGUSR2)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(outcome.error.contains("train.h5"), "\(outcome.error)")
    #expect(outcome.error.contains("was changed while it was being read"), "\(outcome.error)")
    #expect(workspace.run().checkpoints == [])
    #expect(try workspace.run().records("end").first?["reason"]?.string?.contains("train.h5") == true)
  }

  @Test func `changes are detected at checkpoints and at the end of the run`() throws {
    let workspace = try TestWorkspace()
    let running = try started(workspace)
    running.signal(SIGUSR1)
    #expect(running.wait { _ in workspace.run().checkpoints.count == 1 })
    try Change.zeroed.apply(to: "train.h5", in: workspace)
    running.signal(SIGUSR1)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(workspace.run().checkpoints.count == 1)
  }

  @Test(arguments: [nil, 2]) func `touching a corpus or replacing it by rename is not an error`(ranks: Int?) throws {
    let workspace = try TestWorkspace()
    let running = try started(workspace, ranks: ranks)
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workspace["train.h5"])
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workspace["long.h5"])
    running.signal(SIGUSR1)
    #expect(running.wait { _ in workspace.run().checkpoints.count == 1 }, "\(running.error)")
    #expect(running.error == "")
    // After a rename, the run still reads the file that it has open.
    let before = try workspace.bytes(of: "train.h5")
    try workspace.writeCorpus(TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 9), to: "other.h5")
    try FileManager.default.moveItem(atPath: workspace["train.h5"], toPath: workspace["old.h5"])
    try FileManager.default.moveItem(atPath: workspace["other.h5"], toPath: workspace["train.h5"])
    let step = workspace.run().lastStep
    #expect(running.wait { _ in workspace.run().lastStep > step + 50 })
    running.signal(SIGUSR2)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 75, "\(outcome.error)")
    #expect(outcome.error.contains("train.h5 is now another file"), "\(outcome.error)")
    #expect(outcome.error.components(separatedBy: "warning").count == 2, "\(outcome.error)")
    // The run was trained on the original data.
    let last = try #require(workspace.run().checkpoints.last)
    try workspace.write(before, to: "train.h5")
    let straight = ChangedDataTests.long + ["--stop-after", "\(last)"]
    #expect(try workspace.train(straight, name: "straight", ranks: ranks).status == 0)
    #expect(try workspace.run().bits(last) == workspace.run("straight").bits(last))
  }

  @Test func `an overwritten validation set gives no loss`() throws {
    let workspace = try TestWorkspace()
    let running = try started(workspace, ["--set", "validation.every_steps=400"])
    try Change.zeroed.apply(to: "long.h5", in: workspace)
    let outcome = try running.wait(timeout: 30)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(outcome.error.contains("long.h5"), "\(outcome.error)")
    #expect(try workspace.run().records("validation").isEmpty)
    #expect(workspace.run().checkpoints == [])
  }

  @Test func `evaluating a corpus that is overwritten meanwhile is an error`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "1"]).status == 0)
    let tokens = TestWorkspace.tokens(samples: 60_000, seed: 4)
    try workspace.writeCorpus(tokens, to: "large.h5")
    let arguments = [
      "evaluate", "loss", "--checkpoint", "runs/tiny/\(RunFiles.name(1))", "--corpus", "large.h5", "--threads", "1",
    ]
    for (isChanged, status) in [(true, Int32(65)), (false, 0)] {
      let running = try start("phd", arguments, environment: TestWorkspace.environment, directory: workspace.path)
      // By now it has read part of the corpus.
      try #require(running.wait { has(workspace["large.h5"], open: $0.processIdentifier) }, "\(running.error)")
      usleep(500_000)
      try #require(running.isRunning, "the corpus is too small: \(running.output) \(running.error)")
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: workspace["large.h5"]))
      let bytes = try workspace.bytes(of: "large.h5")
      if isChanged {
        try file.seek(toOffset: 10_000)
        try file.write(contentsOf: Data([UInt8](repeating: 0, count: bytes.count / 2)))
      }
      try file.close()
      try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workspace["large.h5"])
      let outcome = try running.wait(timeout: 120)
      #expect(outcome.status == status, "\(outcome.error)")
      if isChanged {
        #expect(outcome.error.contains("large.h5") && outcome.output == "", "\(outcome.error)")
        try workspace.writeCorpus(tokens, to: "large.h5")
      }
    }
  }

  /// Whether a process has a file open.
  private func has(_ path: String, open process: Int32) -> Bool {
    let folder = "/proc/\(process)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")) == path }
  }
}
