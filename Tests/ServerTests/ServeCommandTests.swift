import Foundation
import JSON
import TestSupport
import Testing

/// The program `phd serve`: its start, its responses, hostile clients, and its end.
@Suite(.serialized) struct ServeCommandTests {
  private let folder = Result { () throws -> TemporaryFolder in
    let folder = try TemporaryFolder()
    try ServedProgram.writeCheckpoint(to: "\(folder.path)/small.h5")
    return folder
  }
  private var checkpoint: String { get throws { "\(try folder.get().path)/small.h5" } }
  private let bytes = ["--tokenizer", "bytes"]

  @Test func `tokens equal those of phd generate, also with concurrent requests`() throws {
    let served = try ServedProgram(try checkpoint, bytes + ["--verbose"])
    let prompt = "The quick brown fox"
    let crowd = try (0..<5).map { index in
      let client = try served.client()
      client.send(RawClient.request(#"{"prompt":"\#(index) others","max_tokens":400,"ignore_eos":true}"#))
      return client
    }
    for (options, fields) in [
      (["--greedy"], #""temperature":0"#), (["--seed", "9", "--top-p", "0.9"], #""seed":9,"top_p":0.9"#),
    ] {
      let generated = try launch(
        "phd",
        ["generate", "--checkpoint", checkpoint, "--prompt", prompt, "--max-new-tokens", "60", "--json"] + bytes
          + options)
      let report = try JSONValue(parsing: generated.output)
      let (status, json) = try served.client().complete(
        #"{"prompt":"\#(prompt)","max_tokens":60,"return_token_ids":true,"stop":["zzzzzz"],\#(fields)}"#)
      let choice = json["choices"]?.array?.first
      let ids = choice?["token_ids"]?.array?.filter { $0 != 256 }
      #expect(status == 200 && ids == report["tokens"]?.array && choice?["text"] == report["text"])
    }
    for client in crowd { #expect(client.response()?.status == 200) }
    let ended = try served.stop()
    #expect(ended.status == 0 && ended.error.contains("POST \"/v1/completions\" 200"))
  }

  @Test func `a server without a tokenizer accepts token ids only`() throws {
    let served = try ServedProgram(try checkpoint, ["--model-name", "mine"])
    #expect(served.program.output.contains("token ids only"))
    let text = try served.client().complete(#"{"prompt":"a"}"#)
    #expect(text.status == 400 && text.json["error"]?["message"]?.string?.contains("--tokenizer") == true)
    let ids = try served.client().complete(
      #"{"model":"mine","prompt":[5,261],"max_tokens":2,"logprobs":1,"return_token_ids":true,"echo":true}"#)
    let choice = ids.json["choices"]?.array?.first
    #expect(ids.status == 200 && choice?["text"] == "" && choice?["token_ids"]?.array?.count == 2)
    #expect(choice?["logprobs"]?["tokens"]?.array?.prefix(2) == ["token_id:5", "token_id:261"])
  }

  @Test func `weights that are not finite yield status 500, and the server keeps running`() throws {
    let folder = try TemporaryFolder()
    try ServedProgram.writeCheckpoint(brokenToken: 120, to: "\(folder.path)/broken.h5")
    let served = try ServedProgram("\(folder.path)/broken.h5", bytes)
    // Only prompts that contain the letter x use the broken embedding.
    for fields in ["", #","logprobs":3,"echo":true"#, #","stream":true"#, #","n":3"#] {
      let answer = try served.client().complete(#"{"prompt":"axa","max_tokens":3\#(fields)}"#)
      #expect(answer.status == 500 && answer.json["error"]?["type"] == "server_error", "\(fields)")
      let message = answer.json["error"]?["message"]?.string ?? ""
      #expect(message.contains("not finite") && message.contains("phd checkpoint verify"), "\(message)")
    }
    let other = try served.client().complete(#"{"prompt":"aba","max_tokens":3,"temperature":0}"#)
    #expect(other.status == 200)
    #expect(try served.stop().status == 0)
  }

  @Test func `a server that cannot start prints an error and its status`() throws {
    func expect(_ status: Int32, naming word: String, _ arguments: [String]) throws {
      let outcome = try launch("phd", ["serve"] + arguments)
      #expect(outcome.status == status && outcome.error.contains(word), "\(outcome.error)")
      #expect(outcome.error.split(separator: "\n").count <= 2 && outcome.output.isEmpty)
    }
    let model = ["--checkpoint", try checkpoint]
    try expect(64, naming: "--port", model + ["--port", "65536"])
    try expect(64, naming: "--timeout", model + ["--timeout", "0"])
    try expect(64, naming: "--max-sequences", model + ["--max-sequences", "0"])
    try expect(64, naming: "available", model + ["--cache-memory", "1000000000"])
    try expect(66, naming: "nowhere.h5", ["--checkpoint", "nowhere.h5"])
    try expect(74, naming: "--host", model + ["--host", "256.1.2.3", "--port", "0"])
    let served = try ServedProgram(try checkpoint)
    try expect(74, naming: "in use", model + ["--port", "\(served.port)"])
  }

  @Test func `the server survives hostile clients with bounded memory`() throws {
    let served = try ServedProgram(try checkpoint, bytes + ["--max-sequences", "6", "--timeout", "5"])
    func round(_ number: Int) throws {
      let clients = try (0..<16).map { index in
        let client = try served.client()
        let options =
          switch index % 4 {
          case 0: #""stream":true"#
          case 1: #""logprobs":5,"echo":true"#
          case 2: #""n":2,"seed":\#(number)"#
          default: #""temperature":0"#
          }
        let length = 1 + (index * 97 + number * 31) % 700
        client.send(
          RawClient.request(
            #"{"prompt":"\#(String(repeating: "ab", count: length))","max_tokens":\#(10 + index * 5),\#(options)}"#))
        return client
      }
      for (index, client) in clients.enumerated() {
        if index % 5 == 4 { continue }
        if index % 4 == 0 {
          #expect(client.read(seconds: 60) { $0.contains("[DONE]") })
        } else {
          #expect(client.response()?.status == 200)
        }
      }
      #expect(try served.client().complete("{\"prompt\":").status == 400)
    }
    for number in 0..<2 { try round(number) }
    let before = served.residentBytes
    // 100 MB, by length and in chunks: rejected, and discarded without buffering.
    let megabyte = [UInt8](repeating: 0x20, count: 1_000_000)
    for chunked in [false, true] {
      let client = try served.client()
      client.send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n")
      client.send(chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 100000000\r\n\r\n")
      for _ in 0..<100 {
        if chunked { client.send("f4240\r\n") }
        guard client.send(megabyte) else { break }
        if chunked { client.send("\r\n") }
      }
      #expect(client.response()?.status == 413)
    }
    for number in 2..<5 { try round(number) }
    let after = served.residentBytes
    #expect(before > 0 && after < before + 64 << 20, "\(before) bytes before, \(after) after")
    let client = try served.client()
    client.send(RawClient.get("/metrics"))
    #expect(client.response()?.body.contains("phd_requests_total{status=\"413\"} 2") == true)
    #expect(try served.stop().status == 0)
  }

  @Test(arguments: [SIGTERM, SIGINT]) func `a signal stops the server after the running requests or the grace period`(
    _ signal: Int32
  ) throws {
    let served = try ServedProgram(try checkpoint, bytes + ["--max-length", "1000000", "--grace", "2"])
    let (short, long) = (try served.client(), try served.client())
    long.send(RawClient.request(#"{"prompt":"a","max_tokens":900000,"ignore_eos":true,"stream":true}"#))
    #expect(long.read { $0.contains("data:") })
    short.send(RawClient.request(#"{"prompt":"a","max_tokens":100,"ignore_eos":true,"stream":true}"#))
    #expect(short.read { $0.contains("data:") })
    served.program.signal(signal)
    #expect(short.read { $0.contains("[DONE]") })
    #expect(try served.program.wait(timeout: 30).status == 0)
    long.read { $0.contains("server_stopping") }
    #expect(long.text.contains("server_stopping"))
  }
}
