import Corpus
import Inference
import JSON
import Testing

@testable import Server

@Suite struct RequestTests {
  private func request(_ json: String, _ model: ServedModel = SmallModel.served()) throws -> CompletionRequest {
    try CompletionRequest(try JSONValue(parsing: json), for: model, randomSeed: 4)
  }

  @Test(
    arguments: [
      (#"{"prompt":"ab"}"#, [[97, 98]]), (#"{"prompt":["ab","c"]}"#, [[97, 98], [99]]),
      (#"{"prompt":[5,6]}"#, [[5, 6]]), (#"{"prompt":[[5],[6,7.0]]}"#, [[5], [6, 7]]),
      (#"{"prompt":["a",[7]]}"#, [[97], [7]]),
    ] as [(String, [[Int32]])]) func `a prompt may be a text, texts, token ids or lists of them`(
      _ json: String, _ expected: [[Int32]]
    ) throws
  {
    #expect(try request(json).prompts == expected)
  }

  @Test func `fields have defaults, and unknown fields are ignored`() throws {
    let plain = try request(#"{"prompt":"a"}"#)
    #expect(plain.maximumTokens == 16 && plain.choices == 1 && plain.sampling == Sampling() && plain.seed == 4)
    #expect(plain.logprobs == nil && !plain.echoes && !plain.streams && plain.stops.isEmpty)
    let nulls = #"{"prompt":"a","suffix":null,"stop":null,"logprobs":null,"max_tokens":null,"n":null,"seed":null}"#
    #expect(try request(nulls) == plain)
    let harmless =
      #"{"prompt":"a","user":"u","suffix":"","frequency_penalty":0.0,"presence_penalty":0,"#
      + #""logit_bias":{},"best_of":1,"model":"small","something_else":[1]}"#
    #expect(try request(harmless) == plain)
    let all = try request(
      #"{"prompt":"a","max_tokens":3,"temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"repetition_penalty":1.1,"#
        + #""n":2,"best_of":2,"seed":-1,"logprobs":5,"echo":true,"stream":true,"stop":["x","yz"],"ignore_eos":true,"#
        + #""stream_options":{"include_usage":true},"return_token_ids":true}"#)
    #expect(
      all.sampling == Sampling(temperature: 0.5, topK: 7, topP: 0.9, minP: 0.1, repetitionPenalty: 1.1)
        && all.maximumTokens == 3 && all.choices == 2 && all.seed == .max && all.logprobs == 5 && all.echoes
        && all.streams && all.stops == ["x", "yz"] && all.ignoresEnd && all.includesUsage && all.returnsTokenIDs)
    #expect(try request(#"{"prompt":"a","top_k":-1,"max_tokens":0,"echo":true}"#).sampling.topK == nil)
  }

  /// Invalid bodies, each with its invalid field.
  static let invalidBodies: [(String, String?)] = [
    ("[]", nil), (#""a""#, nil), ("{}", "prompt"), (#"{"prompt":null}"#, "prompt"), (#"{"prompt":""}"#, "prompt"),
    (#"{"prompt":[]}"#, "prompt"), (#"{"prompt":[[]]}"#, "prompt"), (#"{"prompt":["a",""]}"#, "prompt"),
    (#"{"prompt":{"a":1}}"#, "prompt"), (#"{"prompt":[1,"a"]}"#, "prompt"), (#"{"prompt":[["a"]]}"#, "prompt"),
    (#"{"prompt":[262]}"#, "prompt"), (#"{"prompt":[-1]}"#, "prompt"), (#"{"prompt":[1.5]}"#, "prompt"),
    (#"{"prompt":[1e300]}"#, "prompt"), (#"{"prompt":[9223372036854775807]}"#, "prompt"),
    (#"{"prompt":"a","max_tokens":0}"#, "max_tokens"), (#"{"prompt":"a","max_tokens":-1}"#, "max_tokens"),
    (#"{"prompt":"a","max_tokens":"9"}"#, "max_tokens"), (#"{"prompt":"a","max_tokens":1.5}"#, "max_tokens"),
    (#"{"prompt":"a","max_tokens":2000}"#, "prompt"), (#"{"prompt":"a","max_tokens":9e18}"#, "max_tokens"),
    (#"{"prompt":"a","temperature":-0.1}"#, "temperature"), (#"{"prompt":"a","temperature":1e200}"#, "temperature"),
    (#"{"prompt":"a","temperature":true}"#, "temperature"), (#"{"prompt":"a","top_p":0}"#, "top_p"),
    (#"{"prompt":"a","top_p":1.1}"#, "top_p"), (#"{"prompt":"a","top_k":-2}"#, "top_k"),
    (#"{"prompt":"a","min_p":2}"#, "min_p"), (#"{"prompt":"a","repetition_penalty":0}"#, "repetition_penalty"),
    (#"{"prompt":"a","n":0}"#, "n"), (#"{"prompt":"a","n":129}"#, "n"), (#"{"prompt":"a","n":100}"#, "prompt"),
    (#"{"prompt":"a","best_of":2}"#, "best_of"), (#"{"prompt":"a","logprobs":21}"#, "logprobs"),
    (#"{"prompt":"a","logprobs":-1}"#, "logprobs"), (#"{"prompt":"a","logprobs":true}"#, "logprobs"),
    (#"{"prompt":"a","echo":1}"#, "echo"), (#"{"prompt":"a","stream":"yes"}"#, "stream"),
    (#"{"prompt":"a","stream_options":{"include_usage":true}}"#, "stream_options"),
    (#"{"prompt":"a","stream":true,"stream_options":3}"#, nil), (#"{"prompt":"a","stop":3}"#, "stop"),
    (#"{"prompt":"a","stop":["a",3]}"#, "stop"), (#"{"prompt":"a","seed":"x"}"#, "seed"),
    (#"{"prompt":"a","seed":1e30}"#, "seed"), (#"{"prompt":"a","suffix":"b"}"#, "suffix"),
    (#"{"prompt":"a","frequency_penalty":0.1}"#, "frequency_penalty"),
    (#"{"prompt":"a","presence_penalty":-1}"#, "presence_penalty"),
    (#"{"prompt":"a","presence_penalty":"0"}"#, "presence_penalty"),
    (#"{"prompt":"a","logit_bias":{"5":1}}"#, "logit_bias"), (#"{"prompt":"a","logit_bias":[]}"#, "logit_bias"),
    (#"{"prompt":"a","model":7}"#, "model"), (#"{"prompt":"a","model":"other"}"#, "model"),
    (#"{"prompt":"\#(String(repeating: "a", count: 1990))"}"#, "prompt"),
    (#"{"prompt":"\#(String(repeating: "a", count: 9000))"}"#, "prompt"),
    (#"{"prompt":[\#(String(repeating: "1,", count: 2500))1]}"#, "prompt"),
    (#"{"prompt":[\#(String(repeating: "\"a\",", count: 64))"a"]}"#, "prompt"),
    (#"{"prompt":"a","stop":"\#(String(repeating: "a", count: 1025))"}"#, "stop"),
  ]

  @Test(arguments: RequestTests.invalidBodies) func `an error names the invalid field`(
    _ json: String, _ parameter: String?
  ) throws {
    do {
      _ = try request(json)
      Issue.record("accepted: \(json.prefix(200))")
    } catch let error as APIError {
      #expect(error.status == (parameter == "model" ? 404 : 400))
      #expect(error.parameter == parameter)
      if let parameter { #expect(error.message.contains(parameter)) }
      #expect(error.json["error"]?["type"] == "invalid_request_error")
    }
  }

  @Test func `texts need a tokenizer, and log-probabilities are limited`() throws {
    let withoutTokenizer = SmallModel.served(text: nil)
    #expect(try request(#"{"prompt":[261]}"#, withoutTokenizer).prompts == [[261]])
    for json in [#"{"prompt":"a"}"#, #"{"prompt":[1],"stop":"a"}"#] {
      #expect { try self.request(json, withoutTokenizer) } throws: {
        ($0 as? APIError)?.message.contains("tokenizer") ?? false
      }
    }
    let prompts = String(repeating: "[1,2],", count: 60) + "[3]"
    #expect { try self.request(#"{"prompt":[\#(prompts)],"logprobs":20,"max_tokens":1900}"#) } throws: {
      ($0 as? APIError)?.parameter == "logprobs"
    }
  }
}
