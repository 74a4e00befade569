import Corpus
import Storage
import TestSupport
import Testing
import Tokenizers

@testable import Evaluation

/// Tokenization of contexts and continuations.
@Suite struct RequestEncoderTests {
  private func encoder(maximumLength: Int? = nil, vocabulary: Int = 257) -> RequestEncoder {
    RequestEncoder(.bytes, endOfDocument: nil, vocabularySize: vocabulary, maximumLength: maximumLength)
  }

  private func tokens(_ encoder: RequestEncoder, _ requests: (String, String)...) throws -> ItemTokens {
    let requests = requests.map { TaskRequest(context: $0.0, continuation: $0.1) }
    return try encoder.tokens(of: TaskItem(requests: requests, label: 0, place: "items, line 7"))
  }

  private func bytes(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

  @Test func `the last token is a target and not an input`() throws {
    let item = try tokens(encoder(), ("ab", " cd"), ("ab", " e"))
    #expect(item.choices[0].inputs == bytes("ab c") && item.choices[0].targets == bytes(" cd"))
    #expect(item.choices[1].inputs == bytes("ab ") && item.choices[1].targets == bytes(" e"))
    // Both start with "ab ", but the last token of "ab" predicts the first target.
    #expect(item.shared == 2 && item.choices[0].firstPredicting == 1 && item.unshared == 7)
    // Contexts that differ before their end.
    let apart = try tokens(encoder(), ("xyz", " e"), ("xaz", " e"))
    #expect(apart.shared == 1)
    #expect(try tokens(encoder(), ("xyz", " e"), ("yyz", " e")).shared == 0)
  }

  @Test func `spaces at the context's end move to the continuation`() throws {
    let item = try tokens(encoder(), ("ab \n", "c"))
    #expect(item.choices[0].inputs == bytes("ab \n") && item.choices[0].targets == bytes(" \nc"))
    for context in ["", "  "] {
      let item = try tokens(encoder(), (context, "c"))
      #expect(item.choices[0].inputs == [256] + bytes(context) && item.choices[0].targets == bytes(context + "c"))
      #expect(item.shared == 1)
    }
  }

  @Test func `long sequences lose their beginning, and long continuations are errors`() throws {
    let item = try tokens(encoder(maximumLength: 4), ("abcdef", " g"), ("abcdef", " ghi"), ("a", "b"))
    #expect(item.choices[0].inputs == bytes("def ") && item.choices[0].targets == bytes(" g"))
    #expect(item.choices[1].inputs == bytes("f gh") && item.choices[1].targets == bytes(" ghi"))
    #expect(item.choices[2].inputs == bytes("a") && item.shared == 0)
    let error = #expect(throws: EvaluationError.self) { try tokens(encoder(maximumLength: 4), ("a", " long")) }
    #expect(error?.description.contains("line 7") == true && error?.description.contains("5 tokens") == true)
    let small = #expect(throws: EvaluationError.self) { try tokens(encoder(vocabulary: 100), ("a", " x")) }
    #expect(small?.description.contains("120") == true && small?.exitStatus == .badData)
  }

  @Test func `a token across the boundary belongs to the continuation`() throws {
    let merges: [[String]] = [["a", "b"], ["ab", "c"], ["c", "d"]]
    let letters = ["a", "b", "c", "d", "ab", "abc", "cd"]
    let vocabulary = letters.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
    let list = merges.map { "[\"\($0[0])\",\"\($0[1])\"]" }.joined(separator: ",")
    let json = """
      {"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},"decoder":{"type":"ByteLevel"},
      "model":{"type":"BPE","vocab":{\(vocabulary)},"merges":[\(list)]}}
      """
    let tokenizer = try withTemporaryFolder { folder in
      try write(json.utf8, to: "\(folder)/tokenizer.json")
      return try BPETokenizer(try TokenizerFile(reading: "\(folder)/tokenizer.json"))
    }
    let encoder = RequestEncoder(.file(tokenizer), endOfDocument: 3, vocabularySize: 7, maximumLength: nil)
    // "abcd" is tokenized as abc d, and "ab" is one token, so the second token belongs to the continuation.
    let joined = try tokens(encoder, ("ab", "cd"))
    #expect(joined.choices == [ChoiceTokens(inputs: [4], targets: [3])])
    // "abc" is one token, like "ab": no token is left for the continuation, so the whole token is the target.
    let whole = try tokens(encoder, ("ab", "c"))
    #expect(whole.choices == [ChoiceTokens(inputs: [3], targets: [5])])
    let without = RequestEncoder(.file(tokenizer), endOfDocument: nil, vocabularySize: 7, maximumLength: nil)
    #expect(throws: EvaluationError.self) { try tokens(without, ("", "cd")) }
  }
}
