import Foundation
import Host
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The server cannot be started.
public struct ServerError: StatusCarrying, Equatable, CustomStringConvertible {
  public let description: String

  public var exitStatus: ExitStatus { .inputOutput }
}

/// Serves OpenAI's completions API: `POST /v1/completions`, `GET` and `HEAD` of `/v1/models`, `/health` and `/metrics`.
public final class CompletionServer: Sendable {
  /// The address that the server listens on.
  public let host: String
  /// The port that the server listens on; chosen by the system if the settings' port is 0.
  public let port: Int

  private static let networkThreads = 2

  private let service: Service
  private let group: MultiThreadedEventLoopGroup
  private let listener: any Channel
  private let hasStopped = Atomic<Bool>(false)

  /// Starts listening.
  ///
  /// - Throws: ``ServerError`` if the address cannot be used; `ResourceError` if threads cannot be started, or if the limit
  ///   on open files is too low for the settings' connections.
  public init(_ model: ServedModel, _ engine: Engine, _ settings: ServerSettings) throws {
    // SwiftNIO terminates the process if it cannot start a thread.
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
          + "use another --port (0 for any free port) or --host")
    }
    (self.service, self.group) = (service, group)
    host = listener.localAddress?.ipAddress ?? settings.host
    port = listener.localAddress?.port ?? settings.port
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? IOError else { return "the address does not exist" }
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

  /// The number of open connections.
  var connections: Int { service.connections.load(ordering: .relaxed) }

  /// Rejects new requests, lets running ones finish within the grace period, and closes all connections.
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
