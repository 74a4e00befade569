import Foundation
import JSON
import Synchronization
import Testing

@testable import Server

@Suite struct ResponseTests {
  @Test func `text offsets count characters, however their bytes are divided`() {
    for text in ["naïve — 日本語 🎉!", "\u{FFFD}é"] {
      let bytes = Array(text.utf8)
      for size in 1...4 {
        var offset = TextOffset()
        for start in stride(from: 0, to: bytes.count, by: size) {
          let piece = Array(bytes[start..<min(start + size, bytes.count)])
          let before = String(decoding: bytes[..<start], as: UTF8.self).unicodeScalars.count
          // A token inside a character starts at the character's start.
          let isInside = bytes[start] & 0xc0 == 0x80
          #expect(offset.start(of: piece) == (isInside ? before - 1 : before))
          offset.add(piece)
        }
        #expect(offset.count == text.unicodeScalars.count)
      }
    }
    for broken in [[0xe2, 0x80, 0x41], [0xff, 0xc3], [0xe0, 0x80, 0x80], [0xf0, 0x9f, 0x8e], [0xc3, 0xc3, 0xa9]] {
      var offset = TextOffset()
      offset.add(broken.map { UInt8($0) })
      #expect(offset.count == String(decoding: broken.map { UInt8($0) }, as: UTF8.self).unicodeScalars.count)
    }
  }

  @Test func `tokens are named uniquely by their text, their bytes or their number`() throws {
    let model = SmallModel.served()
    #expect(model.name(of: 65) == "A" && model.name(of: 0xe2) == "bytes:\\xe2" && model.name(of: 259) == "token_id:259")
    #expect(model.name(of: 256) == "<|endoftext|>" && model.name(of: 9) == "\t")
    #expect(SmallModel.served(text: nil).name(of: 65) == "token_id:65")
    let logits = (0..<262).map { Float($0 % 7) + ($0 == 70 ? 10 : 0) }
    let score = logits.withUnsafeBufferPointer { TokenScore(of: 3, $0, likeliest: 4) }
    #expect(score.likeliest.map(\.token) == [70, 6, 13, 20])
    let sum = logits.reduce(0) { $0 + exp(Double($1)) }
    #expect(abs(Double(score.logProbability) - (3 - log(sum))) < 1e-5)
    var lists = LogprobLists()
    lists.append(3, nil, offset: 0, model)
    lists.append(3, score, offset: 1, model)
    #expect(lists.json["token_logprobs"]?.array?.first == .null && lists.json["top_logprobs"]?.array?.first == .null)
    let top = try #require(lists.json["top_logprobs"]?.array?.last?.object)
    #expect(top.fields.map(\.name) == ["F", "\u{6}", "\r", "\u{14}", "\u{3}"])
    #expect(top.fields.last?.value == lists.json["token_logprobs"]?.array?.last)
  }

  /// A completion that receives given tokens, and its streamed pieces.
  private func complete(_ json: String, _ tokens: [Int32], ends: Bool = false) throws -> (Completion, [JSONValue]) {
    let request = try CompletionRequest(try JSONValue(parsing: json), for: SmallModel.served())
    let pieces = Mutex<[JSONValue]>([])
    let completion = Completion(request, SmallModel.served(), created: 5) { _, event in
      if case .piece(let json) = event, let value = try? JSONValue(parsing: json) {
        pieces.withLock { $0.append(value) }
      }
    }
    let logits = (0..<262).map { Float($0 % 13) }
    func score(_ token: Int32) -> TokenScore? {
      request.logprobs.map { count in
        logits.withUnsafeBufferPointer { TokenScore(of: token, $0, likeliest: count) }
      }
    }
    for task in completion.tasks {
      if task.scoresPrompt { completion.promptScored(task.index, task.prompt.dropFirst().compactMap { score($0) }) }
      completion.promptDone(task.index)
      var continues = true
      for (index, token) in tokens.enumerated() where continues {
        continues = completion.generated(task.index, token, score(token), ends: ends && index == tokens.count - 1)
      }
      completion.ended(task.index, ends || !continues ? .stop : .length)
    }
    return (completion, pieces.withLock { $0 })
  }

  @Test(arguments: [
    "", #","logprobs":2"#, #","logprobs":0,"echo":true"#, #","echo":true,"n":2"#, #","return_token_ids":true"#,
  ]) func `the pieces of a stream form the whole response`(_ options: String) throws {
    let tokens = "dé — x🎉y".utf8.map { Int32($0) }
    let body = #""prompt":"Né","max_tokens":\#(tokens.count)"# + options
    let whole = try complete("{\(body)}", tokens).0.response
    let (_, pieces) = try complete("{\(body),\"stream\":true,\"stream_options\":{\"include_usage\":true}}", tokens)
    let last = try #require(pieces.last)
    #expect(last["choices"] == [] && last["usage"] == whole["usage"])
    for choice in whole["choices"]?.array ?? [] {
      let own = pieces.compactMap { $0["choices"]?.array?.first }.filter { $0["index"] == choice["index"] }
      #expect(own.map { $0["text"]?.string ?? "" }.joined() == choice["text"]?.string)
      #expect(own.allSatisfy { !($0["text"]?.string ?? "").contains("\u{FFFD}") })
      #expect(own.dropLast().allSatisfy { $0["finish_reason"] == .null } && own.last?["finish_reason"] == "length")
      for list in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        let expected = choice["logprobs"]?[list]?.array
        #expect(expected == nil || own.flatMap { $0["logprobs"]?[list]?.array ?? [] } == expected)
      }
      let ids = choice["token_ids"]?.array
      #expect(ids == nil || own.flatMap { $0["token_ids"]?.array ?? [] } == ids)
    }
    if options.contains("echo") { #expect(whole["choices"]?.array?.first?["text"]?.string == "Nédé — x🎉y") }
  }

  @Test func `a text ends before a stop text and before an end token`() throws {
    let tokens = "one two three".utf8.map { Int32($0) }
    let json = #"{"prompt":"a","stop":["two","zzz"],"logprobs":1,"max_tokens":50"#
    let stopped = try complete(json + "}", tokens).0.response["choices"]?.array?.first
    #expect(stopped?["text"] == "one " && stopped?["finish_reason"] == "stop")
    let (_, pieces) = try complete(json + #","stream":true}"#, tokens)
    #expect(pieces.compactMap { $0["choices"]?.array?.first?["text"]?.string }.joined() == "one ")
    let ended = try complete(#"{"prompt":"a","logprobs":1,"max_tokens":50}"#, [66, 256], ends: true).0.response
    let choice = ended["choices"]?.array?.first
    #expect(choice?["text"] == "B" && choice?["finish_reason"] == "stop")
    #expect(choice?["logprobs"]?["tokens"] == ["B", "<|endoftext|>"])
    #expect(choice?["logprobs"]?["text_offset"] == [0, 1])
    #expect(ended["usage"]?["completion_tokens"] == 2)
  }
}
