import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Training

/// `phd generate` and `phd benchmark inference`.
@Suite(.serialized) struct GenerateTests {
  private let checkpoint = "runs/tiny/step-00000005.h5"

  /// A model of bytes, or of 61 tokens without a tokenizer, trained for five steps.
  private func trained(onBytes: Bool) throws -> TestWorkspace {
    let workspace = try TestWorkspace()
    var settings = ["--set", "training.steps=5", "--set", "data.validation={}"]
    if onBytes {
      try String(repeating: "The quick brown fox — jumps. ", count: 60)
        .write(toFile: workspace["text.txt"], atomically: true, encoding: .utf8)
      let built = try workspace.phd("corpus", "build", "text.txt", "--output", "bytes.h5", "--tokenizer", "bytes")
      try #require(built.status == 0, "\(built.error)")
      settings += ["--set", "data.train=bytes.h5", "--set", "model.vocab_size=257"]
    }
    let outcome = try workspace.train(settings)
    try #require(outcome.status == 0, "\(outcome.error)")
    return workspace
  }

  @Test func `text and JSON are generated from one or several prompts with the checkpoint's tokenizer`() throws {
    let workspace = try trained(onBytes: true)
    func generate(_ arguments: String...) throws -> Outcome {
      try launch(
        "phd", ["generate", "--checkpoint", checkpoint, "--greedy", "--max-new-tokens", "9"] + arguments,
        directory: workspace.path)
    }
    let json = try generate("--prompt", "The q", "--json")
    try #require(json.status == 0, "\(json.error)")
    let report = try JSONValue(parsing: json.output)
    #expect(report["prompt_tokens"]?.array?.compactMap(\.integer) == "The q".utf8.map { Int($0) })
    let tokens = report["tokens"]?.array?.compactMap(\.integer) ?? []
    #expect(tokens.count <= 9 && !tokens.contains(256))
    #expect(report["logprobs"]?.array?.count == tokens.count)
    #expect(report["text"]?.string == String(decoding: tokens.map { UInt8($0) }, as: UTF8.self))
    // A prompt longer than a training sample.
    let long = String(repeating: "fox ", count: 30)
    #expect(try generate("--prompt", long).status == 0)

    let streamed = try generate("--prompt", "The q")
    #expect(streamed.output == (report["text"]?.string ?? "") + "\n")
    try "The q\nfox\n".write(toFile: workspace["prompts.txt"], atomically: true, encoding: .utf8)
    let several = try JSONValue(parsing: try generate("--prompts", "prompts.txt", "--json").output).array ?? []
    #expect(several.count == 2)
    #expect(several.first?["tokens"] == report["tokens"])
    // Windows files: a byte-order mark, CR LF.
    try workspace.write("\u{feff}The q\r\nfox\r\nit", to: "prompts.txt")
    let windows = try JSONValue(parsing: try generate("--prompts", "prompts.txt", "--json").output).array ?? []
    let prompts = windows.map { $0["prompt_tokens"]?.array?.compactMap(\.integer).map { UInt8($0) } ?? [] }
    #expect(prompts.map { String(decoding: $0, as: UTF8.self) } == ["The q", "fox", "it"])
    #expect(windows.first?["tokens"] == report["tokens"])
    // A prompt may start with dashes.
    let dashes = try JSONValue(parsing: try generate("--prompt", "--- a", "--stop", "--", "--json").output)
    #expect(dashes["prompt_tokens"]?.array?.count == 5)
    // An option is not accepted as the missing text.
    #expect(try generate("--prompt", "--json").status == 64)
    try workspace.write(Array("one\ncaf".utf8) + [0xe9, 10], to: "latin.txt")
    try expectError(generate("--prompts", "latin.txt"), 65, naming: ["latin.txt: is not UTF-8 at byte 7, in line 2"])
    try workspace.write(Array("version https://git-lfs.github.com/spec/v1\noid x\n".utf8), to: "pointer.txt")
    try expectError(generate("--prompts", "pointer.txt"), 65, naming: ["pointer.txt: is a Git LFS pointer"])
    try expectError(
      generate("--prompt", "a", "--tokenizer", "pointer.txt"), 65, naming: ["pointer.txt: is a Git LFS pointer"])
    try workspace.write(Array("version https://git-lfs.github.com/spec/v1\noid x\n".utf8), to: "pointer.h5")
    try expectError(
      launch("phd", ["checkpoint", "inspect", "pointer.h5"], directory: workspace.path), 65,
      naming: ["pointer.h5: is a Git LFS pointer"])

    // The text before the third token.
    let letters = Array(report["text"]?.string ?? "")
    if letters.count > 2, letters[2] != letters[0], letters[2] != letters[1] {
      #expect(try generate("--prompt", "The q", "--stop", String(letters[2])).output == String(letters[..<2]) + "\n")
    }
  }

  @Test func `errors name the cause`() throws {
    let workspace = try trained(onBytes: false)
    func expect(
      _ status: Int32, naming words: [String], _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      try expectError(
        launch("phd", ["generate"] + arguments, directory: workspace.path), status, naming: words,
        sourceLocation: sourceLocation)
    }
    let model = ["--checkpoint", checkpoint]
    try expect(64, naming: ["has no tokenizer", "--tokens"], model + ["--prompt", "fox"])
    try expect(64, naming: ["61", "vocabulary"], model + ["--tokens", "1,61"])
    try expect(64, naming: ["--tokens is empty"], model + ["--tokens", ""])
    try expect(64, naming: ["two is not a number"], model + ["--tokens", "1,two"])
    try expect(64, naming: ["--prompt", "is empty"], model + ["--prompt", "", "--tokenizer", "bytes"])
    try expect(64, naming: ["vocabulary of 61"], model + ["--prompt", "fox", "--tokenizer", "bytes"])
    try expect(64, naming: ["one of --prompt"], model)
    try expect(64, naming: ["--max-new-tokens"], model + ["--tokens", "1", "--max-new-tokens", "4294967296"])
    try expect(64, naming: ["--threads", "4096"], model + ["--tokens", "1", "--threads", "100000"])
    try expect(64, naming: ["--top-p"], model + ["--tokens", "1", "--top-p", "0"])
    try expect(66, naming: ["nowhere.h5"], ["--checkpoint", "nowhere.h5", "--tokens", "1"])
    try expect(66, naming: ["nothing.txt"], model + ["--prompts", "nothing.txt", "--tokenizer", "bytes"])
    try expect(65, naming: ["train.h5", "is not a checkpoint"], ["--checkpoint", "train.h5", "--tokens", "1"])
    // More than any machine's memory.
    try expect(
      64, naming: ["available", "--max-new-tokens"], model + ["--tokens", "1", "--max-new-tokens", "4294967295"])
    try expect(64, naming: ["--precision"], model + ["--tokens", "1", "--precision", "fp8"])
    for precision in ["fp32", "bf16"] {
      let tokens = try launch(
        "phd",
        ["generate"] + model + ["--tokens", "1,2,3", "--max-new-tokens", "4", "--json", "--precision", precision],
        directory: workspace.path)
      let report = try JSONValue(parsing: tokens.output)
      #expect(report["tokens"]?.array?.count == 4)
      #expect(report["text"] == .null)
    }
  }

  @Test func `the inference benchmark prints a table and JSON`() throws {
    let workspace = try TestWorkspace()
    let arguments = "benchmark inference config.json --prompts 100,120 --repeats 2 --decode 2"
      .split(separator: " ").map { String($0) }
    let json = try launch("phd", arguments + ["--rounds", "1", "--json"], directory: workspace.path)
    try #require(json.status == 0, "\(json.error)")
    let results = try JSONValue(parsing: json.output).array ?? []
    #expect(
      results.compactMap { $0["pattern"]?.string }
        == (0..<2).flatMap { _ in
          ["vanilla", "phd", "swa", "cswa", "naive"]
        })
    #expect(results.allSatisfy { ($0["decode_seconds_per_token"]?.number ?? 0) > 0 })
    let bytes = results.compactMap { $0["kv_cache_bytes"]?.integer }
    // Cache sizes in whole pages: phd as vanilla, swa and cswa a ring more, naive twice as much.
    #expect(bytes[1] == bytes[0])
    #expect(bytes[2] > bytes[0] && bytes[3] > bytes[0] && bytes[4] >= 2 * bytes[0] - bytes[0] / 8)
    let table = try launch(
      "phd", arguments + ["--rounds", "1", "--svg", "pictures", "--precision", "bf16"], directory: workspace.path)
    let lines = table.output.split(separator: "\n")
    // A header of two lines before the cases and before the numbers of rows.
    #expect(lines.count == 12 + 2 + 16 + 6)
    #expect(lines[12].hasPrefix("| rows |") && lines[14].hasPrefix("| 1 |") && lines[29].hasPrefix("| 64 |"))
    for line in lines.suffix(6) {
      let picture = try String(contentsOfFile: workspace[String(line)], encoding: .utf8)
      #expect(picture.hasPrefix("<svg") && picture.lowercased().contains("swa"), "\(line)")
    }
  }

  @Test func `products of few rows are timed beside memory and multiply-adds`() throws {
    let workspace = try TestWorkspace()
    let json = try launch(
      "phd", ["benchmark", "inference", "config.json", "--products", "--rounds", "1", "--json"],
      directory: workspace.path)
    try #require(json.status == 0, "\(json.error)")
    let results = try JSONValue(parsing: json.output).array ?? []
    #expect(results.first?["rows"]?.integer == 1 && results.last?["rows"]?.integer == 64 && results.count == 16)
    for key in ["seconds", "bytes_per_second", "gflops", "bandwidth_share", "share_of_arithmetic"] {
      #expect(results.allSatisfy { ($0[key]?.number ?? 0) > 0 }, "\(key)")
    }
  }
}
