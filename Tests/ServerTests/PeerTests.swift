import Corpus
import Foundation
import Inference
import JSON
import Kernels
import TestSupport
import Testing
import Tokenizers
import Training
import Transformer

@testable import Server

/// Third-party clients of `phd serve`: OpenAI's Python client and lm-eval.
@Suite(.serialized, .enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
struct PeerTests {
  @Test func `OpenAI's client receives completions, streams, log-probabilities and errors`() throws {
    let folder = try TemporaryFolder()
    try ServedProgram.writeCheckpoint(to: "\(folder.path)/small.h5")
    let served = try ServedProgram("\(folder.path)/small.h5", ["--tokenizer", "bytes"])
    try Peers.run("serving.py", ["client", served.url, "\(folder.path)/out.json"])
    let found = try JSONValue(parsing: try bytes(of: "\(folder.path)/out.json"))
    let generated = try launch(
      "phd",
      [
        "generate", "--checkpoint", "\(folder.path)/small.h5", "--tokenizer", "bytes", "--prompt", "The q", "--greedy",
        "--max-new-tokens", "8", "--json",
      ])
    let report = try JSONValue(parsing: generated.output)
    let text = try #require(report["text"]?.string)
    let tokens = report["tokens"]?.array ?? []
    #expect(found["models"] == ["small"] && found["retrieved"] == "small")
    #expect(found["completion"]?.string == text && found["text"]?.string == "The q" + text)
    #expect(found["streamed"]?.string == text && found["ids"]?.array?.prefix(tokens.count) == tokens[...])
    let ended = tokens.count < 8
    #expect(found["finish_reason"]?.string == (ended ? "stop" : "length"))
    #expect(found["usage"]?["prompt_tokens"] == 5 && found["streamed_usage"] == found["usage"])
    let reasons = found["stream_finish_reasons"]?.array ?? []
    #expect(reasons.last == found["finish_reason"] && reasons.dropLast().allSatisfy { $0 == .null })
    #expect(found["indices"] == [0, 1, 2, 3] && found["seeded"] == true)
    let logprobs = try #require(found["logprobs"])
    #expect(logprobs["token_logprobs"]?.array?.first == .null)
    #expect(logprobs["tokens"]?.array?.prefix(5).compactMap(\.string).joined() == "The q")
    let own = logprobs["token_logprobs"]?.array?.dropFirst(5).compactMap(\.number) ?? []
    let expected = report["logprobs"]?.array?.compactMap(\.number) ?? []
    #expect(!expected.isEmpty && zip(own, expected).allSatisfy { abs($0 - $1) < 1e-4 })
    let errors: [(String, String, Int, JSONValue)] = [
      ("model", "NotFoundError", 404, "model"), ("temperature", "BadRequestError", 400, "temperature"),
      ("suffix", "BadRequestError", 400, "suffix"), ("long", "BadRequestError", 400, "prompt"),
      ("penalty", "BadRequestError", 400, "frequency_penalty"), ("empty", "BadRequestError", 400, "prompt"),
      ("best_of", "BadRequestError", 400, "best_of"), ("token", "BadRequestError", 400, "prompt"),
      ("logit_bias", "BadRequestError", 400, "logit_bias"),
    ]
    for (name, kind, status, parameter) in errors {
      let error = found["errors"]?[name]
      #expect(error?["class"]?.string == kind && error?["status"]?.integer == status && error?["param"] == parameter)
    }
    #expect(try served.stop().status == 0)
  }

  /// An item of a task.
  private struct Item {
    let context: String
    /// Without the space after the context.
    let choices: [String]
    let label: Int

    /// A line of the file that lm-eval reads.
    var json: JSONValue {
      ["context": .string(context), "choices": .array(choices.map { .string($0) }), "label": .integer(label)]
    }

    /// A line of the file that `phd evaluate tasks` reads.
    var requests: JSONValue {
      [
        "label": .integer(label),
        "requests": .array(
          choices.map { ["context": .string(context), "continuation": .string(" " + $0)] }),
      ]
    }
  }

  /// Generated items, which need no files.
  private static let generated: [Item] = (0..<12).map { index in
    Item(
      context: "Question: what comes after \(index)?\nAnswer:",
      choices: ["\(index + 1)", "\(index - 1) — not", "the number before \(index)"], label: index % 3)
  }

  /// The first items of a task of OLMo's in-loop evaluation, whose choices share a context.
  private func items(_ path: String, _ count: Int) throws -> [Item] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").prefix(count).map { line in
      let item = try JSONValue(parsing: String(line))
      let requests = item["requests"]?.array ?? []
      let choices = requests.compactMap { $0["continuation"]?.string }
      #expect(choices.allSatisfy { $0.hasPrefix(" ") })
      return Item(
        context: requests.first?["context"]?.string ?? "", choices: choices.map { String($0.dropFirst()) },
        label: item["label"]?.integer ?? 0)
    }
  }

  /// Trains a tokenizer, serves a model with random weights, and compares lm-eval's results with `phd evaluate tasks`.
  private func compare(_ tasks: [String: [Item]], text: String) throws {
    let folder = try TemporaryFolder()
    try text.write(toFile: "\(folder.path)/text.txt", atomically: true, encoding: .utf8)
    let made = try launch(
      "phd",
      ["corpus", "train-tokenizer", "text.txt", "--vocab-size", "262", "--output", "tokenizer.json"],
      directory: folder.path)
    try #require(made.status == 0, "\(made.error)")
    try #"{"tokenizer_class":"PreTrainedTokenizerFast","eos_token":"<|endoftext|>"}"#
      .write(toFile: "\(folder.path)/tokenizer_config.json", atomically: true, encoding: .utf8)
    let decoding = HiddenDecoding(pattern: .cswa, repeats: 2, window: 5, chunk: 16)
    try ServedProgram.writeCheckpoint(decoding, to: "\(folder.path)/small.h5")
    var paths: JSONValue.Object = JSONValue.Object()
    try FileManager.default.createDirectory(atPath: "\(folder.path)/requests", withIntermediateDirectories: false)
    for (name, items) in tasks {
      for (path, lines) in [(name, items.map(\.json)), ("requests/\(name)", items.map(\.requests))] {
        try lines.map { $0.compact + "\n" }.joined()
          .write(toFile: "\(folder.path)/\(path).jsonl", atomically: true, encoding: .utf8)
      }
      paths[name] = .string("\(folder.path)/\(name).jsonl")
    }
    let served = try ServedProgram("\(folder.path)/small.h5", ["--tokenizer", folder.path])
    try Peers.run(
      "serving.py",
      ["evaluate", served.url, "small", folder.path, JSONValue.object(paths).compact, "\(folder.path)/out.json"])
    let found = try JSONValue(parsing: try bytes(of: "\(folder.path)/out.json"))
    let own = try launch(
      "phd",
      [
        "evaluate", "tasks", "--checkpoint", "small.h5", "--tokenizer", ".", "--tasks", "requests", "--details",
        "details.jsonl", "--json",
      ], directory: folder.path)
    try #require(own.status == 0, "\(own.error)")
    let expected = try #require(try JSONValue(parsing: own.output)["tasks"])
    let details = try String(contentsOfFile: "\(folder.path)/details.jsonl", encoding: .utf8).split(separator: "\n")
      .map { try JSONValue(parsing: String($0)) }
    for (name, items) in tasks {
      let (result, mine) = (try #require(found[name]), try #require(expected[name]))
      #expect(result["items"]?.integer == items.count && mine["items"]?.integer == items.count)
      for metric in ["acc", "acc_norm"] {
        let (theirs, own) = (try #require(result[metric]?.number), try #require(mine[metric]?.number))
        #expect(abs(theirs - own) < 1e-12, "\(metric) of \(name)")
      }
      let own = details.filter { $0["task"]?.string == name }.map { item in
        item["log_likelihood"]?.array?.compactMap(\.number) ?? []
      }
      let theirs = result["loglikelihoods"]?.array?.map { $0.array?.compactMap(\.number) ?? [] } ?? []
      #expect(own.count == items.count && theirs.count == items.count)
      for (own, theirs) in zip(own, theirs) {
        #expect(!own.isEmpty && own.count == theirs.count && zip(own, theirs).allSatisfy { abs($0 - $1) < 1e-3 })
      }
    }
    #expect(try served.stop().status == 0)
  }

  @Test func `lm-eval computes the same log-likelihoods as phd evaluate tasks on a generated task`() throws {
    let text = String(repeating: "Question: what comes after 1? Answer: the number before 2 — not 3.\n", count: 50)
    try compare(["made": PeerTests.generated], text: text)
  }

  @Test(.enabled(if: shared("data/bench/olmo_requests_rc_0shot/piqa.jsonl") != nil, Comment(rawValue: sharedIsMissing)))
  func `lm-eval computes the same accuracies as phd evaluate tasks on three tasks`() throws {
    let names = ["arc_easy", "hellaswag", "piqa"]
    let tasks = try names.map { name in
      (name, try items(shared("data/bench/olmo_requests_rc_0shot/\(name).jsonl") ?? "", 25))
    }
    let text = tasks.flatMap { $0.1.map { $0.context + $0.choices.joined() } }.joined(separator: "\n")
    try compare(Dictionary(uniqueKeysWithValues: tasks), text: text)
  }
}
