import Synchronization

/// The server's address and limits.
public struct ServerSettings: Sendable {
  public var host = "127.0.0.1"
  /// 0 for any free port.
  public var port = 8080
  /// The maximum size of a request's body, bytes.
  public var maximumBody = 4 << 20
  public var maximumConnections = 256
  /// Seconds after which a connection is closed: if a request is incomplete, if the client receives no data, or if the
  /// connection is idle.
  public var timeout = 60.0
  /// The maximum number of unsent bytes of one stream.
  public var maximumUnsent = 1 << 20
  /// The maximum size of all bodies and responses in memory, bytes.
  public var maximumInFlight = 256 << 20
  /// Seconds that running requests have to finish when the server stops.
  public var grace = 5.0
  /// Called with one line at the end of each request; nil for no log.
  public var log: (@Sendable (String) -> Void)?

  public init() {}
}

/// A memory budget that all connections share.
final class ByteBudget: Sendable {
  private let limit: Int
  private let used: Atomic<Int>

  init(_ limit: Int) {
    self.limit = limit
    used = Atomic(0)
  }

  /// Reserves bytes. Returns false if the budget is exhausted.
  func reserve(_ bytes: Int) -> Bool {
    if used.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
    release(bytes)
    return false
  }

  func release(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }

  var inUse: Int { used.load(ordering: .relaxed) }
}
