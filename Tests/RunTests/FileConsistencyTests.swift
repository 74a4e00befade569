import Foundation
import TestSupport
import Testing

/// Ranks that see different files under the same paths, like nodes with local disks. Here each rank has its own working
/// directory.
@Suite(.serialized) struct FileConsistencyTests {
  private let workspace: TestWorkspace

  /// The folders `rank0` and `rank1`, with the same corpora and the same configuration.
  init() throws {
    workspace = try TestWorkspace()
    for rank in 0..<2 {
      try FileManager.default.createDirectory(atPath: workspace["rank\(rank)"], withIntermediateDirectories: true)
      for name in ["config.json", "train.h5", "short.h5", "long.h5"] {
        try FileManager.default.copyItem(atPath: workspace[name], toPath: workspace["rank\(rank)/\(name)"])
      }
    }
  }

  /// Runs a program on two ranks, each in its own folder.
  private func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    let script = #"cd "rank$OMPI_COMM_WORLD_RANK" && exec "$0" "$@""#
    return try launch(
      "/bin/bash", ["-c", script, "\(buildDirectory)/\(program)"] + arguments, ranks: 2,
      environment: TestWorkspace.environment, directory: workspace.path)
  }

  private func train(_ arguments: [String] = []) throws -> Outcome {
    try run(
      "phd-train",
      ["config.json", "--set", "checkpoint.directory=\(workspace["runs"])", "--stop-after", "2"] + arguments)
  }

  private func expectDifference(_ outcome: Outcome, _ name: String) throws {
    let host = ProcessInfo.processInfo.hostName
    try expectError(
      outcome, 65, naming: [name, "is not the same for all ranks", "rank 0 on \(host)", "rank 1 on \(host)"])
    #expect(workspace.run().checkpoints == [])
  }

  @Test func `copies of the same files are accepted`() throws {
    let outcome = try train()
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(workspace.run().checkpoints == [2])
  }

  @Test func `different training tokens are an error`() throws {
    var tokens = TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1)
    tokens[77] ^= 1
    try workspace.writeCorpus(tokens, to: "rank1/train.h5")
    try expectDifference(try train(), "data.train[0] (train.h5)")
  }

  @Test func `different lengths, types and numbers of files are errors`() throws {
    let tokens = TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1)
    try workspace.writeCorpus(tokens.dropLast(24).map { $0 }, to: "rank1/train.h5")
    try expectDifference(try train(), "data.train[0] (train.h5)")
    try workspace.writeCorpus(tokens.map { UInt32($0) }, to: "rank1/train.h5")
    try expectDifference(try train(), "data.train[0] (train.h5)")
    try workspace.writeCorpus(tokens, to: "rank1/train.h5")
    try FileManager.default.copyItem(atPath: workspace["train.h5"], toPath: workspace["rank1/train-2.h5"])
    try expectDifference(try train(["--set", "data.train=train*.h5"]), "files")
  }

  @Test func `different validation tokens and documents are errors`() throws {
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 9, seed: 4), to: "rank1/long.h5")
    try expectDifference(try train(), "data.validation.long (long.h5)")
    for rank in 0..<2 {
      try workspace.writeCorpus(
        TestWorkspace.tokens(samples: TestWorkspace.samples, seed: 1), documents: [0, 30 + UInt64(rank)],
        to: "rank\(rank)/train.h5")
    }
    try expectDifference(
      try train(["--set", "data.document_mask=true", "--set", "data.validation=null"]), "data.train[0] (train.h5)")
  }

  @Test func `a file that is missing on one rank is an error`() throws {
    try FileManager.default.removeItem(atPath: workspace["rank1/train.h5"])
    try expectError(
      try train(), 66, naming: ["train.h5", "rank 1 on \(ProcessInfo.processInfo.hostName)", "not on the other ranks"])
  }

  @Test func `different benchmarks are an error`() throws {
    try workspace.write("The red fox sees the hen. The hen sees it.", to: "t.txt")
    for rank in 0..<2 {
      let corpus = "rank\(rank)/b.h5"
      #expect(try workspace.phd("corpus", "build", "t.txt", "--output", corpus, "--tokenizer", "bytes").status == 0)
      let word = rank == 0 ? "hen" : "fox"
      try workspace.write(#"{"text":"The red fox sees the \#(word)"}"#, to: "rank\(rank)/lambada.jsonl")
    }
    let settings = [
      "data.train=b.h5", "data.validation={}", "model.vocab_size=257", "model.max_position_embeddings=200",
    ].flatMap { ["--set", $0] }
    try expectDifference(
      try train(settings + ["--set", "validation.tasks=lambada.jsonl"]), "validation.tasks, lambada")
    // Also in `phd evaluate tasks`.
    #expect(try train(settings).status == 0)
    let checkpoint = workspace.run().checkpoint(2)
    let outcome = try run("phd", ["evaluate", "tasks", "--checkpoint", checkpoint, "--tasks", "lambada.jsonl"])
    try expectError(outcome, 65, naming: ["--tasks, lambada", "is not the same for all ranks", "rank 1 on"])
  }

  @Test func `different corpora and checkpoints in an evaluation are errors`() throws {
    #expect(try train().status == 0)
    let checkpoint = workspace.run().checkpoint(2)
    let arguments = ["evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "long.h5"]
    #expect(try run("phd", arguments).status == 0)
    try workspace.writeCorpus(TestWorkspace.tokens(samples: 9, seed: 4), to: "rank1/long.h5")
    try expectError(try run("phd", arguments), 65, naming: ["--corpus (long.h5)", "is not the same for all ranks"])
    try FileManager.default.copyItem(atPath: checkpoint, toPath: workspace["rank0/c.h5"])
    #expect(try train(["--set", "seed=6", "--set", "name=other"]).status == 65)
    try FileManager.default.copyItem(atPath: workspace["long.h5"], toPath: workspace["rank1/same.h5"])
    try FileManager.default.copyItem(atPath: workspace["long.h5"], toPath: workspace["rank0/same.h5"])
    #expect(try workspace.train(["--set", "seed=6", "--stop-after", "2"], name: "other").status == 0)
    try FileManager.default.copyItem(atPath: workspace.run("other").checkpoint(2), toPath: workspace["rank1/c.h5"])
    try expectError(
      try run("phd", ["evaluate", "loss", "--checkpoint", "c.h5", "--corpus", "same.h5"]), 65,
      naming: ["--checkpoint (c.h5)", "is not the same for all ranks"])
  }
}
