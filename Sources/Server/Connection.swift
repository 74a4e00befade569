import Foundation
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection: reads requests and answers them sequentially.
final class Connection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    case idle
    /// Receiving a body, for a valid route or for a request that will be answered with an error.
    case receiving(Result<Route, APIError>)
    /// The request is complete; its response is being made.
    case answering
    /// The response has been sent before the end of the request. The rest is discarded until the connection closes.
    case discarding
  }

  private let service: Service
  private var state = State.idle
  private var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
  private var body: [UInt8] = []
  private var completion: Completion?
  private let outbox: Outbox
  /// Bytes reserved from the service's budget.
  private var charged = 0
  private var deadline: Scheduled<Void>?
  private var stallCheck: Scheduled<Void>?
  private var closesAfterwards = false
  private var begin = ContinuousClock.now
  private var status = 0

  init(_ service: Service) {
    self.service = service
    outbox = Outbox()
  }

  // MARK: - Channel events

  func channelActive(context: ChannelHandlerContext) {
    wait(context) { context.close(promise: nil) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    stallCheck?.cancel()
    completion?.cancel()
    completion = nil
    endExchange()
    state = .discarding
    context.fireChannelInactive()
  }

  /// For invalid HTTP, an earlier handler has already sent a response.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): receive(context, head)
    case .body(let buffer): receive(context, buffer)
    case .end: receivedAll(context)
    }
  }

  // MARK: - Request

  private func receive(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
    self.head = head
    body = []
    beginExchange()
    let route = self.route(head)
    state = .receiving(route)
    wait(context) { [self] in refuse(context, APIError(408, "the request was not complete within --timeout")) }
    let isShort = head.bodyBytes.map { $0 <= service.settings.maximumBody } ?? false
    if case .failure(let error) = route, !isShort || error.status == 413 { return refuse(context, error) }
    if case .success = route, head.headers.first(name: "expect")?.lowercased() == "100-continue" {
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
    }
  }

  private func route(_ head: HTTPRequestHead) -> Result<Route, APIError> {
    do throws(APIError) {
      let route = try Route(head)
      if route == .completions {
        if service.isStopping { throw .stopping }
        if !head.isJSON { throw APIError(415, "Content-Type: expected application/json") }
      }
      if let bytes = head.bodyBytes, bytes > service.settings.maximumBody { throw tooLarge }
      return .success(route)
    } catch {
      return .failure(error)
    }
  }

  private var tooLarge: APIError {
    APIError(413, "the body has more than \(service.settings.maximumBody) bytes (--max-body)")
  }

  private func receive(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
    guard case .receiving(.success) = state else { return }
    if body.count + buffer.readableBytes > service.settings.maximumBody { return refuse(context, tooLarge) }
    guard charge(buffer.readableBytes) else { return refuse(context, .overloaded("too many simultaneous requests")) }
    body += buffer.readableBytesView
  }

  private func receivedAll(_ context: ChannelHandlerContext) {
    guard case .receiving(let route) = state else {
      if case .discarding = state { context.close(promise: nil) }
      return
    }
    state = .answering
    deadline?.cancel()
    switch route {
    case .failure(let error): send(context, error)
    case .success(.completions): complete(context)
    case .success(.metrics): send(context, 200, "text/plain; version=0.0.4", service.metrics)
    case .success(let route):
      do throws(APIError) {
        send(context, 200, "application/json", try service.describe(route).compact)
      } catch {
        send(context, error)
      }
    }
  }

  // MARK: - Completions

  private func complete(_ context: ChannelHandlerContext) {
    let service = service
    let bytes = body
    body = []
    let loop = context.eventLoop
    let read = service.pool.runIfActive(eventLoop: loop) { () -> Result<CompletionRequest, APIError> in
      do throws(APIError) { return .success(try service.request(bytes)) } catch { return .failure(error) }
    }
    read.assumeIsolated().whenComplete { [self] result in
      guard context.channel.isActive else { return }
      uncharge()
      switch result {
      case .success(.success(let request)): start(context, request)
      case .success(.failure(let error)): send(context, error)
      case .failure: send(context, .stopping)
      }
    }
  }

  private func start(_ context: ChannelHandlerContext, _ request: CompletionRequest) {
    guard charge(request.responseBytes) else {
      return send(context, .overloaded("the running requests use all memory for responses"))
    }
    let handle = NIOLoopBound((connection: self, context: context), eventLoop: context.eventLoop)
    let (loop, outbox, limit) = (context.eventLoop, outbox, service.settings.maximumUnsent)
    let completion = Completion(request, service.model, created: Int(Date().timeIntervalSince1970)) { one, event in
      switch event {
      case .piece(let json):
        let frame = "data: \(json)\n\n"
        if outbox.announce(frame.utf8.count) > limit { one.cancel() }
        loop.execute { handle.value.connection.stream(handle.value.context, one, frame) }
      case .finished: loop.execute { handle.value.connection.finish(handle.value.context, one) }
      }
    }
    self.completion = completion
    do throws(APIError) {
      try service.engine.submit(completion.tasks)
    } catch {
      self.completion = nil
      send(context, error)
    }
  }

  private func stream(_ context: ChannelHandlerContext, _ one: Completion, _ frame: String) {
    guard one === completion else { return }
    // The client reads more slowly than tokens are generated.
    if one.isCancelled { return context.close(promise: nil) }
    if status == 0 {
      var headers: HTTPHeaders = ["Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"]
      closesAfterwards = !keepsAlive || head.version.minor == 0
      if closesAfterwards { headers.add(name: "Connection", value: "close") }
      writeHead(context, 200, headers)
    }
    write(context, frame)
  }

  private func finish(_ context: ChannelHandlerContext, _ one: Completion) {
    guard one === completion, context.channel.isActive else { return }
    completion = nil
    if one.request.streams && status != 0 {
      let last = one.failure.map { "data: \($0.json.compact)\n\n" } ?? "data: [DONE]\n\n"
      _ = outbox.announce(last.utf8.count)
      write(context, last)
      return endResponse(context)
    }
    if let error = one.failure { return send(context, error) }
    let made = service.pool.runIfActive(eventLoop: context.eventLoop) { one.response.compact }
    made.assumeIsolated().whenComplete { [self] result in
      guard context.channel.isActive else { return }
      switch result {
      case .success(let json): send(context, 200, "application/json", json)
      case .failure: send(context, .stopping)
      }
    }
  }

  // MARK: - Response

  private var keepsAlive: Bool {
    if case .discarding = state { return false }
    return head.isKeepAlive && !service.isStopping
  }

  /// Sends an error before the end of the request, and discards the rest. If the connection were closed at once, a client
  /// that is still sending would not receive the response.
  private func refuse(_ context: ChannelHandlerContext, _ error: APIError) {
    state = .discarding
    body = []
    send(context, error)
    wait(context, atMost: 10) { context.close(promise: nil) }
  }

  private func send(_ context: ChannelHandlerContext, _ error: APIError) {
    send(
      context, error.status, "application/json", error.json.compact,
      error.status == 429 || error.status == 503 ? ["Retry-After": "1"] : [:])
  }

  private func send(
    _ context: ChannelHandlerContext, _ status: Int, _ type: String, _ text: String, _ headers: HTTPHeaders = [:]
  ) {
    guard context.channel.isActive else { return }
    var headers = headers
    headers.add(name: "Content-Type", value: type)
    headers.add(name: "Content-Length", value: "\(text.utf8.count)")
    if status == 405 { headers.add(name: "Allow", value: head.uri.hasPrefix("/v1/completions") ? "POST" : "GET, HEAD") }
    closesAfterwards = !keepsAlive
    headers.add(name: "Connection", value: closesAfterwards ? "close" : "keep-alive")
    writeHead(context, status, headers)
    // The response to HEAD has the length of GET's, but no body, which the client would read as the next
    // response.
    if head.method != .HEAD {
      _ = outbox.announce(text.utf8.count)
      write(context, text)
    }
    endResponse(context)
  }

  private func writeHead(_ context: ChannelHandlerContext, _ status: Int, _ headers: HTTPHeaders) {
    self.status = status
    service.countAnswer(status)
    let version = HTTPVersion(major: 1, minor: min(1, head.version.minor))
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: version, status: .init(statusCode: status), headers: headers))),
      promise: nil)
  }

  private func write(_ context: ChannelHandlerContext, _ text: String) {
    outbox.write(context, text)
    if stallCheck == nil { checkForStall(context) }
  }

  /// Closes the connection if the client reads nothing for the whole timeout.
  private func checkForStall(_ context: ChannelHandlerContext) {
    let sent = outbox.sentBytes
    let time = TimeAmount.nanoseconds(Int64(service.settings.timeout * 1e9))
    stallCheck = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
      stallCheck = nil
      if !outbox.isWaiting { return }
      if outbox.sentBytes == sent { return context.close(promise: nil) }
      checkForStall(context)
    }
  }

  private func endResponse(_ context: ChannelHandlerContext) {
    let sent = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
    sent.futureResult.assumeIsolated().whenComplete { [self] _ in
      endExchange()
      if case .discarding = state { return }
      state = .idle
      if closesAfterwards { return context.close(promise: nil) }
      wait(context) { context.close(promise: nil) }
    }
  }

  // MARK: - Bookkeeping

  private func beginExchange() {
    status = 0
    begin = .now
    service.exchanges.wrappingAdd(1, ordering: .relaxed)
    isOpen = true
  }

  private var isOpen = false

  private func endExchange() {
    uncharge()
    guard isOpen else { return }
    isOpen = false
    service.exchanges.wrappingSubtract(1, ordering: .relaxed)
    if let log = service.settings.log {
      let seconds = (ContinuousClock.now - begin) / .seconds(1)
      let outcome = status == 0 ? "disconnected" : "\(status)"
      log("\(head.method.rawValue) \(quoted(head.uri)) \(outcome) \(String(format: "%.3f", seconds)) s")
    }
  }

  private func charge(_ bytes: Int) -> Bool {
    guard service.memory.reserve(bytes) else { return false }
    charged += bytes
    return true
  }

  private func uncharge() {
    service.memory.release(charged)
    charged = 0
  }

  /// Runs `body` after the timeout, unless `wait` is called again before.
  private func wait(_ context: ChannelHandlerContext, atMost limit: Double = .infinity, _ body: @escaping () -> Void) {
    deadline?.cancel()
    let seconds = min(limit, service.settings.timeout)
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(seconds * 1e9)), body)
  }
}
