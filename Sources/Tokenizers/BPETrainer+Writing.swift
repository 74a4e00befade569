import JSON

extension BPETrainer {
  /// Trains on words and returns a `tokenizer.json`, which the `tokenizers` library can read too.
  ///
  /// - Parameters:
  ///   - pattern: the pattern that the words were split with.
  ///   - report: receives the number of tokens so far.
  public func tokenizer(
    of counts: WordCounts, cutWith pattern: WordPattern, report: (_ tokens: Int) -> Void = { _ in }
  ) -> [UInt8] {
    let result = train(counts, report: report)
    let special = specialTokens.enumerated().map { id, token -> JSONValue in
      [
        "id": .integer(id), "content": .string(token), "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
      ]
    }
    let vocabulary = JSONValue.Object(
      distinct: result.tokens.enumerated().map { JSONValue.Field(name: $1, value: .integer($0)) })
    let merges = result.merges.map { left, right -> JSONValue in
      .string("\(result.tokens[Int(left)]) \(result.tokens[Int(right)])")
    }
    let json: JSONValue = [
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(special), "normalizer": nil,
      "pre_tokenizer": BPETrainer.preTokenizer(pattern), "post_processor": nil,
      "decoder": BPETrainer.byteLevel(usesPattern: true),
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
        "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": .object(vocabulary),
        "merges": .array(merges),
      ],
    ]
    return Array((json.compact + "\n").utf8)
  }

  private static func preTokenizer(_ pattern: WordPattern) -> JSONValue {
    if pattern == .gpt2 { return byteLevel(usesPattern: true) }
    let split: JSONValue = [
      "type": "Split", "pattern": ["Regex": .string(pattern.regularExpression)], "behavior": "Isolated",
      "invert": false,
    ]
    return ["type": "Sequence", "pretokenizers": [split, byteLevel(usesPattern: false)]]
  }

  private static func byteLevel(usesPattern: Bool) -> JSONValue {
    ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(usesPattern)]
  }
}
