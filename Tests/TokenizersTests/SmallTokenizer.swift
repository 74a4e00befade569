import Foundation
import JSON

@testable import Tokenizers

/// A tokenizer of a few hundred tokens, trained on a short text. Tests modify its JSON.
enum SmallTokenizer {
  static let text = """
    The quick brown fox doesn't jump over the lazy dog; it sits, thinking of 1234567890 other things.
    "We'll see," said the dog, "what the other foxes think of that!"
    Das Mädchen läuft über die Straße — schön, größer, früher.

    for (int i = 0; i < 100; i++) {
        printf("%d: the thing\\n", i);
    }
    日本語の文章、そして　空白。 Привет, мир! Как дела? 🙂🙂 naïve café, cafe\u{301}.
    """

  static func json(
    _ pattern: WordPattern = .gpt2, special: [String] = ["<|endoftext|>"], vocabularySize: Int = 400
  ) throws -> JSONValue {
    var counts = WordCounts()
    var copy = text
    try copy.withUTF8 { try counts.add(UnsafeRawBufferPointer($0), pattern) }
    return try JSONValue(
      parsing: BPETrainer(vocabularySize: vocabularySize, specialTokens: special).tokenizer(
        of: counts, cutWith: pattern))
  }

  static func make(_ json: JSONValue) throws -> BPETokenizer {
    try BPETokenizer(TokenizerFile(path: "tokenizer.json", name: "small", bytes: Array(json.compact.utf8)))
  }
}

extension JSONValue {
  /// A copy with the value at a path of names replaced.
  func setting(_ path: String..., to value: JSONValue) -> JSONValue { setting(path[...], to: value) }

  private func setting(_ path: ArraySlice<String>, to value: JSONValue) -> JSONValue {
    guard let name = path.first, var object else { return value }
    object[name] = (self[name] ?? .object(Object())).setting(path.dropFirst(), to: value)
    return .object(object)
  }
}
