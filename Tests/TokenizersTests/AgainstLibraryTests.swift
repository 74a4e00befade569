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
          Issue.record("\(text.debugDescription): \(found), the library \(expected)", sourceLocation: sourceLocation)
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
}
