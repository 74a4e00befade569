import Foundation
import JSON
import Storage
import TestSupport
import Testing
import Text

@testable import Tokenizers

/// Encoding and decoding with a small tokenizer trained in the test.
@Suite struct BPETokenizerTests {
  @Test(arguments: WordPattern.allCases) func `decoding returns the text, and special tokens are found`(
    pattern: WordPattern
  ) throws {
    let tokenizer = try SmallTokenizer.make(SmallTokenizer.json(pattern))
    #expect(tokenizer.vocabularySize == 400 && tokenizer.id(of: "<|endoftext|>") == 0)
    for text in HostileText.texts(2000, seed: 7) + [SmallTokenizer.text, ""] {
      let tokens = try tokenizer.encode(text)
      #expect(
        tokenizer.decode(tokens, skippingSpecial: false).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
    }
    #expect(try tokenizer.encode("a<|endoftext|>b") == tokenizer.encode("a") + [0] + tokenizer.encode("b"))
    #expect(tokenizer.decode([0] + (try tokenizer.encode("x"))) == "x")
    #expect(tokenizer.bytes(of: -1).isEmpty && tokenizer.bytes(of: 400).isEmpty)
  }

  @Test func `canonically equivalent tokens are distinct`() throws {
    let json = try SmallTokenizer.json(special: ["caf\u{e9}", "cafe\u{301}"])
    let tokenizer = try SmallTokenizer.make(json)
    #expect(try tokenizer.encode("cafe\u{301}caf\u{e9}") == [1, 0])
  }

  @Test func `long words are merged like short ones, in reasonable time`() throws {
    let tokenizer = try SmallTokenizer.make(SmallTokenizer.json())
    // Compares both merging algorithms on the same words.
    var random = SplitMix(state: 3)
    for _ in 0..<300 {
      let word = (0..<Int.random(in: 49...120, using: &random)).map { _ in
        UInt8(ascii: ["t", "h", "e", "i", "n", "g", "o"].randomElement(using: &random) ?? "t")
      }
      let merged = try tokenizer.encode(String(decoding: word, as: UTF8.self))
      #expect(merged == plainMerges(word, tokenizer))
    }
    let start = ContinuousClock.now
    let tokens = try tokenizer.encode(String(repeating: "thething", count: 1 << 17))
    #expect(tokens.count < 1 << 20)
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  /// A simple implementation: repeatedly merges the first pair of the lowest rank.
  private func plainMerges(_ word: [UInt8], _ tokenizer: BPETokenizer) -> [Int] {
    var tokens = word.map { tokenizer.byteTokens[Int($0)] }
    while true {
      let pairs = zip(tokens, tokens.dropFirst()).map { tokenizer.merges.merge($0, $1) }
      guard let best = pairs.indices.min(by: { (pairs[$0].rank, $0) < (pairs[$1].rank, $1) }),
        pairs[best].rank != .max
      else { return tokens.map { Int($0) } }
      tokens.replaceSubrange(best...best + 1, with: [pairs[best].token])
    }
  }

  @Test func `cutting a text at the last cut does not change its tokens`() throws {
    let json = try SmallTokenizer.json(.cl100k)
    for json in [json, json.setting("normalizer", to: ["type": "NFC"]), try SmallTokenizer.json()] {
      let tokenizer = try SmallTokenizer.make(json)
      var cut = 0
      for text in HostileText.texts(3000, seed: 9) {
        let text = text + " q a b" + text + " a a"
        for end in [text.utf8.count, text.utf8.count / 2] {
          guard let place = Array(text.utf8.prefix(end)).withUnsafeBytes({ tokenizer.lastCut(in: $0) }) else {
            continue
          }
          cut += 1
          let parts = [text.utf8.prefix(place), text.utf8.dropFirst(place)].map { String(decoding: $0, as: UTF8.self) }
          #expect(try parts.flatMap { try tokenizer.encode($0) } == tokenizer.encode(text), "\(text.debugDescription)")
        }
      }
      #expect(cut > 3000)
    }
    // With added tokens that a cut could change.
    for token in ["a b", "x"] {
      var strips = try SmallTokenizer.json(special: [token]).setting("normalizer", to: nil)
      if token == "x", var added = strips["added_tokens"]?.array {
        added[0] = added[0].setting("rstrip", to: true)
        strips = strips.setting("added_tokens", to: .array(added))
      }
      #expect(Array("a b c".utf8).withUnsafeBytes { try? SmallTokenizer.make(strips).lastCut(in: $0) } == nil)
    }
  }

  @Test func `unsupported features are refused by name`() throws {
    let json = try SmallTokenizer.json()
    let unknown: JSONValue = ["type": "Metaspace"]
    for (changed, word) in [
      (json.setting("model", "type", to: "Unigram"), "Unigram"), (json.setting("model", "dropout", to: 0.1), "dropout"),
      (json.setting("model", "end_of_word_suffix", to: "</w>"), "end_of_word_suffix"),
      (json.setting("model", "continuing_subword_prefix", to: "##"), "continuing_subword_prefix"),
      (json.setting("pre_tokenizer", to: unknown), "Metaspace"), (json.setting("decoder", to: unknown), "Metaspace"),
      (json.setting("normalizer", to: ["type": "Lowercase"]), "Lowercase"),
      (json.setting("pre_tokenizer", to: nil), "byte-level"),
      (json.setting("truncation", to: ["max_length": 3]), "truncation"),
      (json.setting("model", "vocab", to: ["a": -1]), "-1"),
      (json.setting("model", "vocab", to: ["a": 1e9]), "too large"),
      (json.setting("model", "vocab", to: ["a": 0, "b": 0]), "same id"),
      (json.setting("model", "merges", to: ["a b c"]), "merge 0"), (json.setting("model", "merges", to: ["漢 b"]), "漢"),
      (json.setting("added_tokens", to: [["id": 7, "content": "<new>"]]), "<new>"),
      (
        json.setting(
          "pre_tokenizer",
          to: ["type": "Split", "pattern": ["Regex": "(a"], "behavior": "Isolated", "invert": false]), "(a"
      ),
    ] as [(JSONValue, String)] {
      let error = #expect(throws: InvalidFileError.self) { try SmallTokenizer.make(changed) }
      #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")")
    }
  }

  @Test func `a damaged file is an error or another tokenizer, never a crash`() throws {
    let bytes = Array(try SmallTokenizer.json(.cl100k, vocabularySize: 300).compact.utf8)
    var random = SplitMix(state: 11)
    for round in 0..<1000 {
      let changed = round < 200 ? Array(bytes.prefix(bytes.count * round / 200)) : damaged(bytes, with: &random)
      do {
        let tokenizer = try BPETokenizer(TokenizerFile(path: "t.json", name: "t", bytes: changed))
        _ = try tokenizer.encode(SmallTokenizer.text)
      } catch is InvalidFileError {}
    }
  }

  @Test func `invalid UTF-8 is found wherever blocks end`() throws {
    var random = SplitMix(state: 5)
    for text in HostileText.texts(400, seed: 13) {
      var bytes = Array(text.utf8)
      if Bool.random(using: &random), !bytes.isEmpty { bytes = damaged(bytes, with: &random) }
      let expected = bytes.withUnsafeBufferPointer { UTF8Check.firstInvalid(in: $0) }
      #expect((expected == nil) == (String(validating: bytes, as: UTF8.self) != nil))
      for size in 1...5 {
        var check = UTF8Check()
        var found: Int?
        for start in stride(from: 0, to: bytes.count, by: size) where found == nil {
          found = Array(bytes[start..<min(bytes.count, start + size)]).withUnsafeBytes { check.firstInvalid($0) }
        }
        #expect(found ?? check.unfinished == expected, "\(bytes) in blocks of \(size)")
      }
    }
  }
}
