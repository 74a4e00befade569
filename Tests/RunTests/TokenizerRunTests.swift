import Foundation
import JSON
import Storage
import TestSupport
import Testing

/// A tokenizer from its training through corpus, run and checkpoint to generated text.
@Suite(.serialized) struct TokenizerRunTests {
  private let checkpoint = "runs/tiny/step-00000005.h5"

  private static let text = String(
    repeating: "The quick brown fox — it doesn't jump, it's thinking. «Füchse springen», said the other fox.\n",
    count: 30)

  private func make(_ workspace: TestWorkspace, tokenizer: String, corpus: String, vocabulary: Int) throws {
    let trained = try workspace.phd(
      "corpus", "train-tokenizer", "text.txt", "--vocab-size", "\(vocabulary)", "--output", tokenizer)
    try #require(trained.status == 0, "\(trained.error)")
    let built = try workspace.phd("corpus", "build", "text.txt", "--output", corpus, "--tokenizer", tokenizer)
    try #require(built.status == 0, "\(built.error)")
  }

  private func trained() throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    try workspace.write(TokenizerRunTests.text, to: "text.txt")
    try FileManager.default.createDirectory(atPath: workspace["fox"], withIntermediateDirectories: true)
    try make(workspace, tokenizer: "fox/tokenizer.json", corpus: "fox.h5", vocabulary: 300)
    try make(workspace, tokenizer: "other.json", corpus: "other.h5", vocabulary: 290)
    let outcome = try workspace.train(settings)
    try #require(outcome.status == 0, "\(outcome.error)")
    return workspace
  }

  private let settings = ["training.steps=5", "data.validation={}", "data.train=fox.h5", "model.vocab_size=300"]
    .flatMap { ["--set", $0] }

  @Test func `a checkpoint contains its tokenizer for generation and bits per byte`() throws {
    let workspace = try trained()
    let file = try workspace.bytes(of: "fox/tokenizer.json")
    let inspected = try JSONValue(parsing: workspace.phd("corpus", "inspect", "fox.h5", "--json").output)
    #expect(inspected["tokenizer"] == "fox" && inspected["vocab_size"] == 300 && inspected["eos_token_id"] == 0)
    let sha256 = inspected["tokenizer_sha256"]?.string ?? ""
    #expect(sha256.count == 64)
    let other = try JSONValue(parsing: workspace.phd("corpus", "inspect", "other.h5", "--json").output)
    #expect(other["tokenizer"] == "other")
    let otherSHA256 = other["tokenizer_sha256"]?.string ?? ""
    for name in ["fox.h5", checkpoint] {
      #expect(try HDF5File.open(workspace[name]).dataset("tokenizer").array(of: UInt8.self) == file, "\(name)")
    }

    // The checkpoint is all that is needed.
    try FileManager.default.moveItem(atPath: workspace["fox"], toPath: workspace["elsewhere"])
    func generate(_ arguments: String...) throws -> Outcome {
      try launch(
        "phd", ["generate", "--checkpoint", checkpoint, "--greedy", "--max-new-tokens", "12"] + arguments,
        directory: workspace.path)
    }
    let json = try generate("--prompt", "The quick", "--json")
    try #require(json.status == 0, "\(json.error)")
    let report = try JSONValue(parsing: json.output)
    #expect((report["prompt_tokens"]?.array?.count ?? 99) < 9)
    #expect(report["tokens"]?.array?.contains(0) == false)
    let text = report["text"]?.string ?? ""
    #expect(try generate("--prompt", "The quick").output == text + "\n")
    #expect(try generate("--prompt", "The quick", "--tokenizer", "elsewhere").output == text + "\n")
    // A stop text that starts and ends inside tokens.
    let letters = Array(text)
    for (first, second) in zip(letters, letters.dropFirst()).dropFirst(2).prefix(5)
    where first.isASCII && second.isASCII && first != "\r" {
      let stop = String([first, second])
      let cut = text.range(of: stop).map { String(text[..<$0.lowerBound]) }
      #expect(try generate("--prompt", "The quick", "--stop", stop).output == (cut ?? "") + "\n")
    }
    try expectError(
      try generate("--prompt", "x", "--tokenizer", "other.json"), 65, naming: ["other.json", sha256, otherSHA256])
    try expectError(try generate("--prompt", "x", "--tokenizer", "bytes"), 65, naming: [checkpoint, sha256])
    try expectError(try generate("--prompt", "x", "--tokenizer", "nowhere"), 66, naming: ["nowhere"])
    try workspace.write("{}", to: "bad.json")
    try expectError(try generate("--prompt", "x", "--tokenizer", "bad.json"), 65, naming: ["bad.json"])

    // Bits per byte: the total loss divided by the bytes of all targets.
    let evaluated = try workspace.phd("evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "fox.h5", "--json")
    let evaluation = try JSONValue(parsing: evaluated.output)
    let targets = evaluation["tokens"]?.integer ?? 0
    let vocabulary = try JSONValue(parsing: file)["model"]?["vocab"]?.object?.fields ?? []
    var lengths = [Int](repeating: 0, count: 300)
    for field in vocabulary { lengths[field.value.integer ?? 0] = field.name.unicodeScalars.count }
    lengths[0] = 0
    let tokens: [UInt16] = try HDF5File.open(workspace["fox.h5"]).dataset("tokens").array()
    let bytes = tokens[1...targets].reduce(0) { $0 + lengths[Int($1)] }
    let bits = (evaluation["loss"]?.number ?? 0) * Double(targets) / log(2) / Double(bytes)
    #expect(abs((evaluation["bits_per_byte"]?.number ?? 0) - bits) < 1e-9)
    try expectError(
      try workspace.phd("evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "other.h5"), 65,
      naming: ["other.h5", checkpoint, sha256, otherSHA256])

    // Resuming with a corpus of a different tokenizer; two tokenizers in one run.
    try expectError(
      try workspace.train(settings + ["--set", "data.train=other.h5", "--set", "training.steps=6"]), 65,
      naming: ["other.h5", checkpoint, sha256, otherSHA256])
    let both = #"data.train=[{"path":"fox.h5"},{"path":"other.h5"}]"#
    try expectError(
      try workspace.train(settings + ["--set", both], name: "both", ranks: 2), 65,
      naming: ["fox.h5", "other.h5", sha256, otherSHA256])
    #expect(try workspace.train(settings + ["--set", "training.steps=6"]).status == 0)
  }

  @Test func `the tokenizer of a corpus is checked against its digest`() throws {
    let workspace = try TestWorkspace()
    try workspace.write(TokenizerRunTests.text, to: "text.txt")
    try make(workspace, tokenizer: "fox.json", corpus: "fox.h5", vocabulary: 300)
    var bytes = try workspace.bytes(of: "fox.h5")
    let place = try #require(bytes.firstRange(of: Array(#""vocab":{"#.utf8)))
    bytes[place.lowerBound + 1] ^= 1
    try workspace.write(bytes, to: "fox.h5")
    try expectError(try workspace.phd("corpus", "inspect", "fox.h5"), 65, naming: ["fox.h5", "tokenizer_sha256"])
  }

  @Test func `export and import keep the tokenizer, and weights with a different one are refused`() throws {
    let workspace = try trained()
    let text = "The quick «Füchse», it's 3 foxes."
    #expect(try workspace.phd("checkpoint", "export", checkpoint, "--to", "out").status == 0)
    #expect(try workspace.bytes(of: "out/tokenizer.json") == workspace.bytes(of: "fox/tokenizer.json"))
    #expect(try workspace.phd("checkpoint", "import", "out", "--to", "again.h5").status == 0)
    func prompt(_ checkpoint: String) throws -> JSONValue? {
      let outcome = try launch(
        "phd", ["generate", "--checkpoint", checkpoint, "--prompt", text, "--max-new-tokens", "3", "--json"],
        directory: workspace.path)
      return try JSONValue(parsing: outcome.output)
    }
    let tokens = try prompt("again.h5")?["prompt_tokens"]
    #expect(try tokens != nil && tokens == prompt(checkpoint)?["prompt_tokens"])
    if Peers.python != nil {
      let theirs = try JSONValue(parsing: try Peers.run("huggingface.py", ["tokenize", workspace["out"], text]))
      #expect(theirs["ids"] == tokens)
      #expect(theirs["eos"] == "<|endoftext|>" && theirs["eos_id"] == 0)
    }
    // Weights without a known tokenizer are accepted; otherwise it must be the corpus's.
    for source in [checkpoint, "again.h5", "out"] {
      let same = try workspace.train(settings + ["--initialize-from", source, "--overwrite"], name: "same")
      #expect(same.status == 0, "\(same.error)")
      let other = try workspace.train(
        settings + ["--set", "data.train=other.h5", "--initialize-from", source], name: "other")
      #expect(other.status == 65 && other.error.contains("SHA-256"), "\(other.error)")
      #expect(other.error.split(separator: "\n").count == 1)
    }
    // An unsupported tokenizer is skipped with a warning.
    try workspace.write(#"{"model": {"type": "Unigram"}}"#, to: "out/tokenizer.json")
    let without = try workspace.phd("checkpoint", "import", "out", "--to", "without.h5")
    #expect(without.status == 0 && without.error.contains("will not contain the tokenizer"))
  }

  @Test func `tokens of another trainer are a corpus if their tokenizer is given`() throws {
    let workspace = try trained()
    #expect(try workspace.phd("corpus", "export", "fox.h5", "--output", "fox.bin", "--raw").status == 0)
    func build(_ arguments: String...) throws -> Outcome {
      try launch(
        "phd", ["corpus", "build", "fox.bin", "--dtype", "uint16", "--output", "made.h5"] + arguments,
        directory: workspace.path)
    }
    let built = try build("--made-with", "fox")
    #expect(built.status == 0, "\(built.error)")
    #expect(
      try workspace.phd("corpus", "inspect", "made.h5", "--json").output
        == workspace.phd("corpus", "inspect", "fox.h5", "--json").output)
    #expect(try workspace.bytes(of: "made.h5") == workspace.bytes(of: "fox.h5"))
    #expect(try build("--made-with", "fox", "--eos-token-id", "300").status == 65)
    #expect(try build("--made-with", "none").status == 66)
    #expect(try build("--made-with", "fox", "--tokenizer", "fox").status == 64)
    // The other tokenizer has fewer tokens than the corpus uses.
    let other = try build("--made-with", "other.json")
    #expect(other.status == 65 && other.error.contains("fox.bin"), "\(other.error)")
  }
}
