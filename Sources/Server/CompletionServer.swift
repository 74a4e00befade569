import Foundation
import Host
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server could not be started.
public struct ServerError: StatusCarrying, Equatable, CustomStringConvertible {
  public let description: String

  public var exitStatus: ExitStatus { .inputOutput }
}

/// OpenAI's completions over HTTP: `POST /v1/completions`, and `GET` and `HEAD` of `/v1/models`, `/health` and `/metrics`.
public final class CompletionServer: Sendable {
  /// Where it listens, with the port that was chosen.
  public let host: String
  public let port: Int

  private static let networkThreads = 2

  private let service: Service
  private let group: MultiThreadedEventLoopGroup
  private let listener: any Channel
  private let hasStopped = Atomic<Bool>(false)

  /// Listens at once.
  ///
  /// - Throws: ``ServerError`` where it cannot listen there; `ResourceError` where its threads cannot be started, or
  ///   the settings' connections are more than the files that may be open.
  public init(_ model: ServedModel, _ engine: Engine, _ settings: ServerSettings) throws {
    // SwiftNIO ends the process where it gets no thread.
    try SystemThread.requireRoom(
      for: CompletionServer.networkThreads + Service.requestThreads, "of the server's connections")
    try OpenFiles.require(settings.maximumConnections, for: "\(settings.maximumConnections) connections at once")
    let service = Service(model, engine, settings)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: CompletionServer.networkThreads)
    service.pool.start()
    do {
      listener = try CompletionServer.bootstrap(service, on: group).bind(host: settings.host, port: settings.port)
        .wait()
    } catch {
      try? group.syncShutdownGracefully()
      try? service.pool.syncShutdownGracefully()
      throw ServerError(
        description: "cannot listen on \(settings.host), port \(settings.port): \(CompletionServer.reason(error)); "
          + "give another --port (0 for any that is free) or --host")
    }
    (self.service, self.group) = (service, group)
    host = listener.localAddress?.ipAddress ?? settings.host
    port = listener.localAddress?.port ?? settings.port
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? IOError else { return "there is no such address" }
    return String(cString: strerror(error.errnoCode)).lowercased()
  }

  private static func bootstrap(_ service: Service, on group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 16 << 10
    limits.maxHeaderListSize = 64 << 10
    limits.maxHeaderFieldCount = 128
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { [limits] channel in
        let open = service.connections.wrappingAdd(1, ordering: .relaxed).newValue
        channel.closeFuture.whenComplete { _ in service.connections.wrappingSubtract(1, ordering: .relaxed) }
        if open > service.settings.maximumConnections { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline(
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
          try pipeline.addHandler(Connection(service))
        }
      }
  }

  /// Open connections.
  var connections: Int { service.connections.load(ordering: .relaxed) }

  /// Refuses new requests, lets running ones end within the settings' time of grace, and closes all connections.
  public func stop() {
    if hasStopped.exchange(true, ordering: .relaxed) { return }
    service.beginStopping()
    service.engine.stop(within: service.settings.grace)
    let end = ContinuousClock.now + .seconds(service.settings.grace + 2)
    while ContinuousClock.now < end {
      if service.engine.isStopped && service.exchanges.load(ordering: .relaxed) == 0 { break }
      Thread.sleep(forTimeInterval: 0.01)
    }
    try? listener.close().wait()
    try? group.syncShutdownGracefully()
    try? service.pool.syncShutdownGracefully()
  }
}
