import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// Corpora that somebody writes into while a run reads them.
@Suite(.serialized) struct ChangedDataTests {
  private static let long = [
    "--set", "training.steps=1000000", "--set", "checkpoint.every_steps=1000000", "--set",
    "validation.every_steps=1000000",
  ]

  enum Change: CaseIterable, Sendable {
    case zeroed, overwritten, truncated, otherFile, zeroedForAWhile

    /// Writes into the file that is there: it stays the same file.
    func apply(to name: String, in workplace: Workplace) throws {
      let bytes = try workplace.bytes(of: name)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: workplace[name]))
      defer { try? file.close() }
      func write(_ new: [UInt8]) throws {
        try file.seek(toOffset: 0)
        try file.write(contentsOf: Data(new))
        try file.truncate(atOffset: UInt64(new.count))
      }
      // The tokens are the last thing in the file.
      let count = bytes.count > 100_000 ? bytes.count / 2 : 800
      let zeroed = Array(bytes.dropLast(count)) + [UInt8](repeating: 0, count: count)
      switch self {
      case .zeroed: try write(zeroed)
      case .overwritten:
        let others = (0..<400).flatMap { (index: Int) -> [UInt8] in [UInt8(index % 61), 0] }
        try write(Array(bytes.dropLast(800)) + others)
      case .truncated: try file.truncate(atOffset: UInt64(bytes.count - 400))
      case .otherFile:
        try workplace.writeCorpus(Workplace.tokens(samples: Workplace.samples, seed: 9), to: "other.h5")
        try write(try workplace.bytes(of: "other.h5"))
      case .zeroedForAWhile:
        try write(zeroed)
        usleep(300_000)
        try write(bytes)
      }
    }
  }

  private func started(_ workplace: Workplace, _ arguments: [String] = [], ranks: Int? = nil) throws -> RunningProgram {
    let running = try workplace.startTraining(ChangedDataTests.long + arguments, ranks: ranks)
    try #require(running.wait { _ in workplace.run().lastStep >= 10 }, "\(running.error)")
    return running
  }

  @Test(arguments: Change.allCases) func `what was learned from other tokens is not saved`(change: Change) throws {
    let workplace = try Workplace()
    let ranks = change == .zeroed || change == .zeroedForAWhile ? 2 : nil
    if change == .zeroedForAWhile {
      // Larger than what HDF5 keeps in memory of a file: so the run does read the zeros.
      try workplace.writeCorpus(Workplace.tokens(samples: 20_000, seed: 1), to: "train.h5")
    }
    let running = try started(workplace, ["--set", "checkpoint.background=\(change == .overwritten)"], ranks: ranks)
    try change.apply(to: "train.h5", in: workplace)
    let step = workplace.run().lastStep
    #expect(running.wait { _ in workplace.run().lastStep > step + 10 || change == .truncated || change == .otherFile })
    running.signal(SIGUSR2)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(outcome.error.contains("train.h5"), "\(outcome.error)")
    #expect(outcome.error.contains("was changed while it was being read"), "\(outcome.error)")
    #expect(workplace.run().checkpoints == [])
    #expect(try workplace.run().records("end").first?["reason"]?.string?.contains("train.h5") == true)
  }

  @Test func `the end of the run looks too, and so does a checkpoint on the way`() throws {
    let workplace = try Workplace()
    let running = try started(workplace)
    running.signal(SIGUSR1)
    #expect(running.wait { _ in workplace.run().checkpoints.count == 1 })
    try Change.zeroed.apply(to: "train.h5", in: workplace)
    running.signal(SIGUSR1)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(workplace.run().checkpoints.count == 1)
  }

  @Test(arguments: [nil, 2]) func `a mere touch is none, nor is a file that takes the name`(ranks: Int?) throws {
    let workplace = try Workplace()
    let running = try started(workplace, ranks: ranks)
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workplace["train.h5"])
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workplace["long.h5"])
    running.signal(SIGUSR1)
    #expect(running.wait { _ in workplace.run().checkpoints.count == 1 }, "\(running.error)")
    #expect(running.error == "")
    // Another corpus by rename: the run reads on in the one that it has open.
    let before = try workplace.bytes(of: "train.h5")
    try workplace.writeCorpus(Workplace.tokens(samples: Workplace.samples, seed: 9), to: "other.h5")
    try FileManager.default.moveItem(atPath: workplace["train.h5"], toPath: workplace["old.h5"])
    try FileManager.default.moveItem(atPath: workplace["other.h5"], toPath: workplace["train.h5"])
    let step = workplace.run().lastStep
    #expect(running.wait { _ in workplace.run().lastStep > step + 50 })
    running.signal(SIGUSR2)
    let outcome = try running.wait(timeout: 20)
    #expect(outcome.status == 75, "\(outcome.error)")
    #expect(outcome.error.contains("train.h5 is now another file"), "\(outcome.error)")
    #expect(outcome.error.components(separatedBy: "warning").count == 2, "\(outcome.error)")
    // What it was trained on is what it had begun with.
    let last = try #require(workplace.run().checkpoints.last)
    try workplace.write(before, to: "train.h5")
    let straight = ChangedDataTests.long + ["--stop-after", "\(last)"]
    #expect(try workplace.train(straight, name: "straight", ranks: ranks).status == 0)
    #expect(try workplace.run().bits(last) == workplace.run("straight").bits(last))
  }

  @Test func `a validation set that is overwritten gives no loss`() throws {
    let workplace = try Workplace()
    let running = try started(workplace, ["--set", "validation.every_steps=400"])
    try Change.zeroed.apply(to: "long.h5", in: workplace)
    let outcome = try running.wait(timeout: 30)
    #expect(outcome.status == 65, "\(outcome.error)")
    #expect(outcome.error.contains("long.h5"), "\(outcome.error)")
    #expect(try workplace.run().records("validation").isEmpty)
    #expect(workplace.run().checkpoints == [])
  }

  @Test func `an evaluation of a corpus that is overwritten meanwhile is none`() throws {
    let workplace = try Workplace()
    #expect(try workplace.train(["--stop-after", "1"]).status == 0)
    let tokens = Workplace.tokens(samples: 60_000, seed: 4)
    try workplace.writeCorpus(tokens, to: "large.h5")
    let arguments = [
      "evaluate", "loss", "--checkpoint", "runs/tiny/\(RunFiles.name(1))", "--corpus", "large.h5", "--threads", "1",
    ]
    for (isChanged, status) in [(true, Int32(65)), (false, 0)] {
      let running = try start("phd", arguments, environment: Workplace.environment, directory: workplace.path)
      // It has read a part of the corpus by then.
      try #require(running.wait { has(workplace["large.h5"], open: $0.processIdentifier) }, "\(running.error)")
      usleep(500_000)
      try #require(running.isRunning, "the corpus is too small: \(running.output) \(running.error)")
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: workplace["large.h5"]))
      let bytes = try workplace.bytes(of: "large.h5")
      if isChanged {
        try file.seek(toOffset: 10_000)
        try file.write(contentsOf: Data([UInt8](repeating: 0, count: bytes.count / 2)))
      }
      try file.close()
      try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: workplace["large.h5"])
      let outcome = try running.wait(timeout: 120)
      #expect(outcome.status == status, "\(outcome.error)")
      if isChanged {
        #expect(outcome.error.contains("large.h5") && outcome.output == "", "\(outcome.error)")
        try workplace.writeCorpus(tokens, to: "large.h5")
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
