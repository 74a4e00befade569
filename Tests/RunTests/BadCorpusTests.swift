import Foundation
import Storage
import TestSupport
import Testing
import Training

/// Missing and invalid corpora.
@Suite(.serialized) struct BadCorpusTests {
  @Test(arguments: [nil, 2]) func `a missing corpus is an error that names the command to build it`(ranks: Int?) throws
  {
    let workspace = try TestWorkspace()
    try expectError(
      try workspace.train(["--set", "data.train=nowhere.h5"], ranks: ranks), 66,
      naming: ["nowhere.h5", "phd corpus build"])
    try expectError(
      try workspace.train(["--set", "data.validation.books=away.h5"], ranks: ranks), 66,
      naming: ["away.h5", "phd corpus build"])
    try expectError(
      try workspace.train(["--set", "data.train=none-*.h5"], ranks: ranks), 66, naming: ["none-*.h5"])
  }

  enum Defect: CaseIterable, Sendable {
    case truncated, empty, noHDF5, floats, signed, twoDimensional, noTokens, tooShort
  }

  @Test(arguments: Defect.allCases) func `a file that is not a corpus is an error`(defect: Defect) throws {
    let workspace = try TestWorkspace()
    try write(defect, in: workspace)
    let ranks = defect == .truncated || defect == .tooShort ? 2 : nil
    try expectError(try workspace.train(ranks: ranks), 65, naming: ["train.h5"])
    #expect(!workspace.run().files.contains("log.jsonl"))
    try FileManager.default.moveItem(atPath: workspace["train.h5"], toPath: workspace["bad.h5"])
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 20, seed: 1), to: "train.h5")
    try expectError(
      try workspace.train(["--set", "data.validation.short=bad.h5"], ranks: ranks), 65, naming: ["bad.h5"])
  }

  private func write(_ defect: Defect, in workspace: TestWorkspace) throws {
    let name = "train.h5"
    let tokens = TestWorkspace.tokens(samples: 1, seed: 1)
    switch defect {
    case .truncated: try workspace.cut(name)
    case .empty: try workspace.writeCorpus([UInt16](), to: name)
    case .noHDF5: try workspace.write("Once upon a time", to: name)
    case .floats: try workspace.writeCorpus(tokens.map { Float($0) }, to: name)
    case .signed: try workspace.writeCorpus(tokens.map { Int64($0) }, to: name)
    case .twoDimensional:
      let file = try HDF5File.create(workspace[name])
      try tokens.dropLast().withUnsafeBufferPointer { try file.write("tokens", shape: [2, $0.count / 2], from: $0) }
      try file.close()
    case .noTokens:
      let file = try HDF5File.create(workspace[name])
      try file.write("words", tokens)
      try file.close()
    case .tooShort: try workspace.writeCorpus(tokens.dropLast().map { $0 }, to: name)
    }
  }

  /// The error occurs when the sample with the invalid token is read. The steps before it stay in the log.
  @Test(arguments: [nil, 3]) func `a token outside the vocabulary ends the run when its sample is read`(ranks: Int?)
    throws
  {
    let workspace = try TestWorkspace()
    var tokens = TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1)
    let position = 17 * TestWorkspace.sequenceLength + 5
    tokens[position] = UInt16(TestWorkspace.vocabularySize)
    try workspace.writeCorpus(tokens, to: "train.h5")
    let outcome = try workspace.train(["--set", "checkpoint.every_steps=1"], ranks: ranks, timeout: 20)
    try expectError(
      outcome, 65, naming: ["train.h5", "position \(position)", "\(TestWorkspace.vocabularySize)", "vocab_size"])
    let run = workspace.run()
    let steps = try run.steps()
    #expect(steps.count < 8, "an epoch has fewer than 8 batches")
    #expect(run.checkpoints == steps.map { Int($0) })
    #expect(try run.records("end").first?["reason"]?.string?.contains("position \(position)") == true)
  }

  @Test func `a validation token outside the vocabulary is an error`() throws {
    let workspace = try TestWorkspace()
    var tokens = TestWorkspace.tokens(samples: 9, seed: 3)
    tokens[30] = 1000
    try workspace.writeCorpus(tokens, to: "long.h5")
    try expectError(
      try workspace.train(ranks: 2, timeout: 20), 65, naming: ["long.h5", "position 30", "1000", "61"])
    #expect(try workspace.run().steps().last == 4)
  }

  @Test func `the element type, compression and splitting of a corpus do not change the results`() throws {
    let workspace = try TestWorkspace()
    #expect(try workspace.train(["--stop-after", "8"], name: "straight").status == 0)
    let tokens = TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1)
    try workspace.writeCorpus(tokens.map { UInt8($0) }, to: "bytes.h5")
    try workspace.writeCorpus(tokens.map { UInt32($0) }, to: "words.h5")
    for name in ["bytes", "words"] {
      let outcome = try workspace.train(["--set", "data.train=\(name).h5", "--stop-after", "8"], name: name)
      #expect(outcome.status == 0, "\(outcome.error)")
      try expectSame(workspace.run(name), workspace.run("straight"), at: 8)
    }
  }
}
