import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// Beside the `tokenizers` library.
@Suite(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing))) struct AgainstLibraryTests {
  static let shared = ["gpt2", "gpt-neox-olmo", "olmo2"]

  /// Every text's ids are the library's, and so is what becomes of them.
  static func expectEqual(
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
            "behind \(start): \(found.dropFirst(same).prefix(8)), the library \(expected.dropFirst(same).prefix(8))",
            sourceLocation: sourceLocation)
        }
      }
      #expect(wrong == 0, sourceLocation: sourceLocation)
    }
  }

  @Test("Hostile texts", arguments: shared)
  func hostile(name: String) throws {
    guard let path = TestSupport.shared("data/tokenizers/\(name)/tokenizer.json") else {
      try Test.cancel("there is no ../shared/data/tokenizers/\(name)")
    }
    try AgainstLibraryTests.expectEqual(HostileText.texts(10_000, seed: 1), path)
  }

  @Test("Real text", arguments: shared)
  func text(name: String) throws {
    guard let path = TestSupport.shared("data/tokenizers/\(name)/tokenizer.json"),
      let books = TestSupport.shared("data/text/books_valid.txt"),
      let wiki = TestSupport.shared("data/text/wikitext-2/train_first1MB.raw.txt")
    else { try Test.cancel("there is no ../shared/data") }
    let texts = try [books, wiki].map { try String(contentsOfFile: $0, encoding: .utf8) }
    try AgainstLibraryTests.expectEqual(texts, path)
  }

  @Test("Every code point, alone and among others", arguments: shared)
  func codePoints(name: String) throws {
    guard let path = TestSupport.shared("data/tokenizers/\(name)/tokenizer.json") else {
      try Test.cancel("there is no ../shared/data/tokenizers/\(name)")
    }
    let texts = stride(from: 0, to: HostileText.codePoints.count, by: 0x400).map { start in
      HostileText.codePoints[start...].prefix(0x400).map { "a\($0)\u{301}b1\u{327}\($0) '\($0)\u{345}" }.joined()
    }
    try AgainstLibraryTests.expectEqual(texts, path)
  }

  @Test("The golden encodings", arguments: shared)
  func golden(name: String) throws {
    guard let path = TestSupport.shared("data/tokenizers/\(name)/tokenizer.json"),
      let golden = TestSupport.shared("data/tokenizers/golden_encodings.jsonl")
    else { try Test.cancel("there is no ../shared/data/tokenizers") }
    let tokenizer = try BPETokenizer(reading: path)
    for line in try String(contentsOfFile: golden, encoding: .utf8).split(separator: "\n") {
      let record = try JSONValue(parsing: String(line))
      #expect(try tokenizer.encode(record["text"]?.string ?? "") == record[name]?.array?.compactMap(\.integer))
    }
  }
}
