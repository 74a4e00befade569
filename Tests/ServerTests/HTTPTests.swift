import Foundation
import JSON
import TestSupport
import Testing

@testable import Server

/// The server in this process, with valid and invalid requests.
@Suite(.serialized) struct HTTPTests {
  /// A server on a free port, which stops at the end of the test.
  private final class Served {
    let engine: Engine
    let server: CompletionServer

    init(
      running: Int = 8, waiting: Int = 32, maximumLength: Int = 2000,
      _ change: (inout ServerSettings) -> Void = { _ in }
    )
      throws
    {
      engine = try Engine(
        SmallModel.decoder(.vanilla), Engine.Limits(running: running, waiting: waiting, cacheBytes: 1 << 30))
      var settings = ServerSettings()
      (settings.port, settings.grace) = (0, 0.5)
      change(&settings)
      server = try CompletionServer(SmallModel.served(maximumLength: maximumLength), engine, settings)
    }

    deinit { server.stop() }

    func client(smallWindow: Bool = false) throws -> RawClient {
      try RawClient(port: server.port, smallWindow: smallWindow)
    }

    var running: Int { engine.counts.running.load(ordering: .relaxed) }
  }

  private static let endless = #"{"prompt":"abc","max_tokens":1900,"ignore_eos":true"#

  @Test func `invalid paths, methods and headers have their status, and the connection stays open`() throws {
    let served = try Served()
    let client = try served.client()
    for (request, status) in [
      (RawClient.get("/health"), 200), (RawClient.get("/v1/models"), 200), (RawClient.get("/v1/models/small"), 200),
      (RawClient.get("/v1/models/large"), 404), (RawClient.get("/metrics"), 200), (RawClient.get("/nowhere"), 404),
      (RawClient.get("/v1/completions"), 405), (RawClient.get("/health", method: "DELETE"), 405),
      (RawClient.request("{}").replacing("application/json", with: "text/plain"), 415),
      (RawClient.request("{}").replacing("/completions", with: "/chat/completions"), 404),
      (RawClient.request("{"), 400), (RawClient.request(""), 400), (RawClient.request("\u{0}{}"), 400),
      (RawClient.request(String(repeating: "[", count: 100_000)), 400),
      (RawClient.request(#"{"prompt":"\ud800"}"#), 400), (RawClient.request(#"{"prompt":"a","prompt":"b"}"#), 400),
      (RawClient.request(#"{"prompt":"a","max_tokens":2}"#), 200),
    ] {
      client.send(request)
      let response = client.response()
      #expect(response?.status == status, "\(request.prefix(100))")
      if status >= 400 {
        let error = try JSONValue(parsing: response?.body ?? "")["error"]
        #expect(error?["message"]?.string?.isEmpty == false && error?["type"] == "invalid_request_error")
      }
    }
    // HEAD has GET's head and no body, so the next response follows directly.
    for (path, status) in [
      ("/health", 200), ("/v1/models", 200), ("/metrics", 200), ("/nowhere", 404), ("/v1/completions", 405),
    ] {
      let pair = try served.client()
      pair.send(RawClient.get(path, method: "HEAD") + RawClient.get("/v1/models/small"))
      #expect(pair.read { $0.components(separatedBy: "HTTP/1.1 ").count == 3 && $0.contains("\"small\"") }, "\(path)")
      let heads = pair.text.components(separatedBy: "\r\n\r\n")
      #expect(heads[0].hasPrefix("HTTP/1.1 \(status) ") && heads[0].lowercased().contains("content-length: "))
      #expect(heads[1].hasPrefix("HTTP/1.1 200 "), "HEAD \(path) has a body: \(heads[1].prefix(80))")
    }
    // Two pipelined requests are answered in order.
    client.send(RawClient.request(#"{"prompt":"a","max_tokens":30}"#) + RawClient.get("/health"))
    #expect(client.response()?.body.contains("text_completion") == true)
    #expect(client.response()?.body == #"{"status":"ok"}"#)
    client.send(
      "POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n")
    client.send("Transfer-Encoding: chunked\r\n\r\n")
    #expect(client.read { $0.contains("100 Continue") })
    client.send("7\r\n{\"promp\r\n6\r\nt\":\"a\"\r\n1\r\n}\r\n0\r\n\r\n")
    #expect(client.read { $0.contains("200 OK") && $0.contains("text_completion") })
  }

  @Test func `invalid HTTP and endless headers close the connection`() throws {
    let served = try Served()
    for bytes in [
      "\u{16}\u{3}\u{1}hello\r\n\r\n", "GET /health HTTP/1.1\r\nA: " + String(repeating: "a", count: 1 << 20),
    ] {
      let client = try served.client()
      client.send(bytes)
      #expect(client.closes())
    }
    let client = try served.client()
    client.send(RawClient.get("/health"))
    #expect(client.response()?.status == 200)
  }

  @Test func `a stream has the text of the whole response and ends with DONE`() throws {
    let served = try Served()
    let client = try served.client()
    let body = #"{"prompt":"abc","max_tokens":40,"temperature":0,"ignore_eos":true"#
    let whole = try client.complete(body + "}").json
    client.send(RawClient.request(body + #","stream":true}"#))
    #expect(client.read { $0.hasSuffix("0\r\n\r\n") })
    let lines = client.text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("data: ") }
      .map { String($0.dropFirst(6)) }
    #expect(client.text.lowercased().contains("content-type: text/event-stream") && lines.last == "[DONE]")
    let pieces = try lines.dropLast().map { try JSONValue(parsing: $0) }
    #expect(pieces.count > 5)
    let text = pieces.compactMap { $0["choices"]?.array?.first?["text"]?.string }.joined()
    #expect(text == whole["choices"]?.array?.first?["text"]?.string)
    client.send(RawClient.get("/health"))
    #expect(client.read { $0.hasSuffix(#"{"status":"ok"}"#) })
  }

  @Test(arguments: ["}", #","stream":true}"#]) func `a disconnected client's request is cancelled`(_ options: String)
    throws
  {
    let served = try Served(running: 1, maximumLength: 1_000_000)
    for _ in 0..<3 {
      let clients = try (0..<3).map { _ in try served.client() }
      for client in clients {
        client.send(RawClient.request(HTTPTests.endless.replacing("1900", with: "900000") + options))
      }
      withExtendedLifetime(clients) { #expect(eventually { served.running == 1 }) }
    }
    #expect(eventually { served.running == 0 && served.engine.counts.waiting.load(ordering: .relaxed) == 0 })
    #expect(try served.client().complete(#"{"prompt":"a"}"#).status == 200)
  }

  @Test func `a client that does not read is disconnected`() throws {
    let served = try Served(maximumLength: 1_000_000) { $0.maximumUnsent = 20_000 }
    let client = try served.client(smallWindow: true)
    client.send(
      RawClient.request(#"{"prompt":"abc","max_tokens":90000,"ignore_eos":true,"stream":true,"logprobs":9}"#))
    // The response has started; the time until the disconnection is not specified.
    #expect(client.read { $0.contains("200 OK") })
    #expect(eventually(seconds: 60) { served.running == 0 })
    #expect(client.closes())
    let stalled = try Served { $0.timeout = 0.5 }
    let other = try stalled.client(smallWindow: true)
    // Far more than a socket's buffer.
    let prompts = String(repeating: #""\#(String(repeating: "b", count: 1500))","#, count: 11) + #""c""#
    let large = #"{"prompt":[\#(prompts)],"max_tokens":1,"echo":true,"logprobs":20}"#
    other.send(RawClient.request(large))
    #expect(other.read { $0.contains("200 OK") })
    #expect(eventually { stalled.server.connections == 0 })
  }

  @Test func `large bodies and slow requests are rejected`() throws {
    let served = try Served {
      $0.maximumBody = 10_000
      $0.timeout = 1
    }
    let large = String(repeating: " ", count: 10_001)
    let client = try served.client()
    client.send(RawClient.request(large))
    #expect(client.response()?.status == 413)
    #expect(client.closes())
    let chunked = try served.client()
    chunked.send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n")
    chunked.send("Transfer-Encoding: chunked\r\n\r\n2711\r\n\(large)\r\n")
    #expect(chunked.response()?.status == 413)
    let slow = try served.client()
    slow.send(
      "POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{")
    #expect(slow.response()?.status == 408)
    #expect(slow.closes())
    // Headers that arrive one byte at a time, and an idle connection.
    let (loris, silent) = (try served.client(), try served.client())
    loris.send("POST /v1/comp")
    #expect(eventually { !loris.send("l") })
    #expect(loris.closes() && silent.closes())
    #expect(try served.client().complete(#"{"prompt":"a"}"#).status == 200)
  }

  @Test func `requests, sequences and connections beyond the limits are rejected`() throws {
    let served = try Served(running: 1, waiting: 2) { $0.maximumConnections = 6 }
    let busy = try served.client()
    busy.send(RawClient.request(HTTPTests.endless + #","stream":true}"#))
    #expect(busy.read { $0.contains("data:") })
    let waiting = try served.client()
    waiting.send(RawClient.request(#"{"prompt":["a","b"],"max_tokens":1}"#))
    #expect(eventually { served.engine.counts.waiting.load(ordering: .relaxed) == 2 })
    let late = try served.client()
    late.send(RawClient.request(#"{"prompt":"a"}"#))
    let refused = late.response()
    #expect(refused?.status == 429 && refused?.headers.contains("retry-after") == true)
    #expect(refused?.body.contains("rate_limit_error") == true)
    let others = try (0..<5).map { _ in try served.client() }
    #expect(eventually { others.contains { $0.closes(seconds: 0.01) } })
    #expect(waiting.response()?.status == 200)
    let scarce = try Served { $0.maximumInFlight = 1000 }
    #expect(try scarce.client().complete(#"{"prompt":"\#(String(repeating: "a", count: 1500))"}"#).status == 429)
  }

  @Test func `a stopping server rejects new requests and finishes or aborts running ones`() throws {
    let served = try Served(running: 2, maximumLength: 1_000_000)
    let (stream, plain, idle) = (try served.client(), try served.client(), try served.client())
    let endless = HTTPTests.endless.replacing("1900", with: "900000")
    stream.send(RawClient.request(endless + #","stream":true}"#))
    #expect(stream.read { $0.contains("data:") })
    plain.send(RawClient.request(endless + "}"))
    #expect(eventually { served.running == 2 })
    let server = served.server
    let stopper = Thread { server.stop() }
    stopper.start()
    #expect(
      eventually {
        guard let client = try? RawClient(port: server.port) else { return true }
        client.send(RawClient.request(#"{"prompt":"a"}"#))
        return client.response()?.status != 200
      })
    #expect(plain.response()?.status == 503)
    stream.read { $0.contains("server_stopping") }
    #expect(stream.text.contains("server_stopping") && !stream.text.contains("[DONE]"))
    #expect(idle.closes())
  }
}
