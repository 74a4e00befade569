import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// Variations of a small tokenizer, compared with the `tokenizers` library.
@Suite(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing))) struct TokenizerVariationTests {
  static let byteLevel: JSONValue = [
    "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
  ]

  static func split(_ pattern: JSONValue, _ behavior: String, inverted: Bool = false) -> JSONValue {
    ["type": "Split", "pattern": pattern, "behavior": .string(behavior), "invert": .bool(inverted)]
  }

  static func sequence(_ parts: JSONValue...) -> JSONValue { ["type": "Sequence", "pretokenizers": .array(parts)] }

  static func added(_ content: String, _ id: Int, _ flags: [String]) -> JSONValue {
    var token: JSONValue = ["id": .integer(id), "content": .string(content)]
    for name in ["special", "normalized", "lstrip", "rstrip", "single_word"] {
      token = token.setting(name, to: .bool(flags.contains(name)))
    }
    return token
  }

  /// Variations of a small tokenizer, by name.
  static let variations: [(String, @Sendable (JSONValue) -> JSONValue)] = [
    ("Llama 3", { $0.setting("model", "ignore_merges", to: true).setting("post_processor", to: nil) }),
    ("NFC", { $0.setting("normalizer", to: ["type": "Sequence", "normalizers": [["type": "NFC"]]]) }),
    (
      "prefix space",
      {
        $0.setting(
          "pre_tokenizer", to: ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true])
      }
    ),
    ("one word", { $0.setting("pre_tokenizer", to: byteLevel) }),
    (
      "digits",
      {
        $0.setting(
          "pre_tokenizer",
          to: sequence(
            ["type": "Digits", "individual_digits": true],
            ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true]))
      }
    ),
    (
      "digit runs",
      { $0.setting("pre_tokenizer", to: sequence(["type": "Digits", "individual_digits": false], byteLevel)) }
    ),
    (
      "another expression",
      {
        $0.setting(
          "pre_tokenizer",
          to: sequence(split(["Regex": #"\p{Lu}?\p{Ll}+|\p{M}+|\p{Nd}{1,2}|[^\S\n]+|\p{P}"#], "Isolated"), byteLevel))
      }
    ),
    ("empty matches", { $0.setting("pre_tokenizer", to: sequence(split(["Regex": #"\d*"#], "Isolated"), byteLevel)) }),
    (
      "added tokens",
      { json in
        let vocabulary = json["model"]?["vocab"]?.object?.fields ?? []
        var next = vocabulary.count
        let tokens: [(String, [String])] = [
          ("<|endoftext|>", ["special"]), ("<mask>", ["special", "lstrip"]), ("é!", ["normalized", "single_word"]),
          ("</s>", ["rstrip"]), ("e\u{301}e", ["normalized", "lstrip", "rstrip"]), ("the", ["single_word"]),
          ("<s>", ["special", "lstrip", "rstrip", "normalized"]), ("  ", []), ("\n\n", ["normalized"]),
          ("an", ["single_word", "normalized"]), ("नमस्ते", ["single_word"]),
        ]
        return json.setting("normalizer", to: ["type": "NFC"]).setting(
          "added_tokens",
          to: .array(
            tokens.map { content, flags in
              let known = vocabulary.first { $0.name.utf8.elementsEqual(content.utf8) }?.value.integer
              if known == nil { next += 1 }
              return added(content, known ?? next - 1, flags)
            }))
      }
    ),
    (
      "missing bytes",
      { json in
        var vocabulary = json["model"]?["vocab"]?.object ?? JSONValue.Object()
        for byte in ["\u{102}", "Ã", "z"] { vocabulary[byte] = nil }
        let merges = (json["model"]?["merges"]?.array ?? []).filter { merge in
          !(merge.string ?? "").unicodeScalars.contains { ["\u{102}", "Ã", "z"].contains($0) }
        }
        return json.setting("model", "vocab", to: .object(vocabulary)).setting("model", "merges", to: .array(merges))
      }
    ),
    (
      "pairs",
      { json in
        let pairs = (json["model"]?["merges"]?.array ?? []).map { merge in
          JSONValue.array((merge.string ?? "").split(separator: " ").map { .string(String($0)) })
        }
        return json.setting("model", "merges", to: .array(pairs))
      }
    ),
  ]

  @Test(arguments: variations.indices) func `each variation has the ids of the library`(index: Int) throws {
    let (name, change) = TokenizerVariationTests.variations[index]
    try expectEqual(change(SmallTokenizer.json(.cl100k, vocabularySize: 420)), HostileText.texts(2000, seed: 21), name)
  }

  @Test(arguments: Splitting.Behavior.allCases) func `each behavior of a split has the ids of the library`(
    behavior: Splitting.Behavior
  ) throws {
    let json = try SmallTokenizer.json(vocabularySize: 420)
    for pattern in [
      ["Regex": #"\s+|\p{L}\d?"#], ["String": " "], ["Regex": .string(WordPattern.gpt2.regularExpression)],
    ]
      as [JSONValue]
    {
      for inverted in [false, true] {
        let splitting = TokenizerVariationTests.split(pattern, behavior.rawValue, inverted: inverted)
        try expectEqual(
          json.setting(
            "pre_tokenizer", to: TokenizerVariationTests.sequence(splitting, TokenizerVariationTests.byteLevel)),
          HostileText.texts(200, seed: 23), "\(pattern.compact) \(inverted)")
      }
    }
  }

  @Test(arguments: ["words", "digits", "categories"])
  func `other patterns and added tokens classify each code point like the library`(kind: String) throws {
    var json = try SmallTokenizer.json(vocabularySize: 300)
    switch kind {
    case "words":
      json = json.setting(
        "added_tokens",
        to: .array([
          TokenizerVariationTests.added("<|endoftext|>", 0, []),
          TokenizerVariationTests.added("zq", 300, ["single_word"]),
          TokenizerVariationTests.added("zz", 301, ["lstrip", "rstrip"]),
        ]))
    case "digits":
      json = json.setting(
        "pre_tokenizer",
        to: TokenizerVariationTests.sequence(
          ["type": "Digits", "individual_digits": true],
          ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false]))
    default:
      // The prefix space marks the beginning of each piece.
      json = json.setting(
        "pre_tokenizer",
        to: TokenizerVariationTests.sequence(
          TokenizerVariationTests.split(["Regex": #"\p{Lu}|\p{L}+|\p{M}|\p{Nd}|\p{P}|\p{Sm}|\p{So}"#], "Isolated"),
          ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false]))
    }
    let texts = stride(from: 0, to: HostileText.codePoints.count, by: 0x400).map { start in
      HostileText.codePoints[start...].prefix(0x400).map { "\($0)zq\($0)zz\($0)" }.joined(separator: "\n")
    }
    try expectEqual(json, texts, kind)
  }

  private func expectEqual(_ json: JSONValue, _ texts: [String], _ name: String) throws {
    try withTemporaryFolder { folder in
      try write(Array(json.compact.utf8), to: folder + "/tokenizer.json")
      do {
        try expectLibraryIDs(texts, folder + "/tokenizer.json")
      } catch {
        Issue.record("\(name): \(error)")
      }
    }
  }

  @Test(arguments: WordPattern.allCases) func `training gives the merges of the library, which can read the result`(
    pattern: WordPattern
  ) throws {
    // The sources of this project: half a megabyte of text.
    let root = Peers.folder.deletingLastPathComponent().deletingLastPathComponent()
    var text = try ["README.md", "CHANGELOG.md"].map {
      try String(contentsOf: root.appending(path: $0), encoding: .utf8)
    }
    .joined(separator: "\n")
    for folder in ["Sources/Training", "Sources/Kernels"] {
      for file in try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path).sorted()
      where file.hasSuffix(".swift") {
        text += try String(contentsOf: root.appending(path: folder).appending(path: file), encoding: .utf8)
      }
    }
    text += SmallTokenizer.text
    let special = ["<|endoftext|>", "<pad>"]
    var counts = WordCounts()
    try text.withUTF8 { try counts.add(UnsafeRawBufferPointer($0), pattern) }
    let ours = BPETrainer(vocabularySize: 3000, specialTokens: special).tokenizer(of: counts, cutWith: pattern)
    try withTemporaryFolder { folder in
      try write(Array(text.utf8), to: folder + "/text")
      try write(ours, to: folder + "/ours.json")
      try Peers.run(
        "train_tokenizer.py",
        [
          folder + "/text", "3000", pattern == .gpt2 ? "gpt2" : pattern.regularExpression, folder + "/theirs.json",
        ] + special)
      let (a, b) = (try JSONValue(parsing: ours), try JSONValue(parsing: bytes(of: folder + "/theirs.json")))
      func merges(_ json: JSONValue) -> [String] {
        (json["model"]?["merges"]?.array ?? []).map { merge in
          merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
        }
      }
      let (own, other) = (merges(a), merges(b))
      #expect(own.count > 2700)
      let same = zip(own, other).prefix { $0 == $1 }.count
      #expect(
        same == other.count && own.count == other.count,
        "from \(same): \(own.dropFirst(same).prefix(3)) \(other.dropFirst(same).prefix(3))")
      func ids(_ json: JSONValue) -> [String] {
        (json["model"]?["vocab"]?.object?.fields ?? []).map { "\($0.value.integer ?? -1) \($0.name)" }.sorted()
      }
      #expect(ids(a) == ids(b))
      try expectLibraryIDs(HostileText.texts(1000, seed: 25) + [text], folder + "/ours.json")
    }
  }
}
