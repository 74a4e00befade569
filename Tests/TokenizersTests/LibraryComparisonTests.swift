import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// Expects that encoding and decoding each text gives the same as the `tokenizers` library.
func expectLibraryIDs(
  _ texts: [String], _ path: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let tokenizer = try BPETokenizer(reading: path)
  try withTemporaryFolder { folder in
    try write(Array(JSONValue.array(texts.map { .string($0) }).compact.utf8), to: folder + "/texts.json")
    try Peers.run("encode.py", [path, folder + "/texts.json", folder + "/ids"])
    let lines = try String(contentsOfFile: folder + "/ids", encoding: .utf8).utf8.split(separator: 0x0a)
    try #require(lines.count == texts.count, sourceLocation: sourceLocation)
    var wrong = 0
    for (text, line) in zip(texts, lines) {
      let fields = line.split(separator: 0x09, maxSplits: 1, omittingEmptySubsequences: false)
      let expected = fields[0].split(separator: 0x20).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
      let found = try tokenizer.encode(text)
      let decoded = try JSONValue(parsing: Array(fields[1])).string ?? ""
      if found == expected && tokenizer.decode(found).utf8.elementsEqual(decoded.utf8) { continue }
      wrong += 1
      if wrong <= 5 {
        let same = zip(found, expected).prefix { $0 == $1 }.count
        let start = tokenizer.decode(found.prefix(same)).suffix(20).debugDescription
        Issue.record(
          "after \(start): \(found.dropFirst(same).prefix(8)), the library \(expected.dropFirst(same).prefix(8))",
          sourceLocation: sourceLocation)
      }
    }
    #expect(wrong == 0, sourceLocation: sourceLocation)
  }
}

/// Tokenizers of real models, compared with the `tokenizers` library.
@Suite(
  .enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)),
  .enabled(if: shared("data/tokenizers") != nil, Comment(rawValue: sharedIsMissing)))
struct LibraryComparisonTests {
  static let real = ["gpt2", "gpt-neox-olmo", "olmo2"]

  @Test(arguments: real) func `hostile texts have the ids of the library`(name: String) throws {
    let path = try #require(shared("data/tokenizers/\(name)/tokenizer.json"))
    try expectLibraryIDs(HostileText.texts(10_000, seed: 1), path)
  }

  @Test(arguments: real) func `real texts have the ids of the library`(name: String) throws {
    let path = try #require(shared("data/tokenizers/\(name)/tokenizer.json"))
    let names = ["books_valid.txt", "wikitext-2/train_first1MB.raw.txt"]
    let texts = try names.map { try #require(shared("data/text/\($0)")) }.map {
      try String(contentsOfFile: $0, encoding: .utf8)
    }
    try expectLibraryIDs(texts, path)
  }

  @Test(arguments: real) func `every code point has the ids of the library`(name: String) throws {
    let path = try #require(shared("data/tokenizers/\(name)/tokenizer.json"))
    let texts = stride(from: 0, to: HostileText.codePoints.count, by: 0x400).map { start in
      HostileText.codePoints[start...].prefix(0x400).map { "a\($0)\u{301}b1\u{327}\($0) '\($0)\u{345}" }.joined()
    }
    try expectLibraryIDs(texts, path)
  }

  @Test(arguments: real) func `the golden encodings are reproduced`(name: String) throws {
    let path = try #require(shared("data/tokenizers/\(name)/tokenizer.json"))
    let golden = try #require(shared("data/tokenizers/golden_encodings.jsonl"))
    let tokenizer = try BPETokenizer(reading: path)
    for line in try String(contentsOfFile: golden, encoding: .utf8).split(separator: "\n") {
      let record = try JSONValue(parsing: String(line))
      #expect(try tokenizer.encode(record["text"]?.string ?? "") == record[name]?.array?.compactMap(\.integer))
    }
  }
}
