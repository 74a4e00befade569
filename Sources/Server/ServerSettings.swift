import Synchronization

/// Where a server listens, and how much it takes on.
public struct ServerSettings: Sendable {
  public var host = "127.0.0.1"
  /// 0 for any that is free.
  public var port = 8080
  /// Bytes of a request's body.
  public var maximumBody = 4 << 20
  public var maximumConnections = 256
  /// Seconds that a client may take to send a request, or to take in a piece of its answer, and that a connection may
  /// stay idle.
  public var timeout = 60.0
  /// Bytes of one stream that wait for its reader.
  public var maximumUnread = 1 << 20
  /// Bytes of bodies and responses that are in memory at one time.
  public var maximumInFlight = 256 << 20
  /// Seconds that running requests have to end when the server stops.
  public var grace = 5.0
  /// Hears of each request's end, a line each; nil for nobody.
  public var log: (@Sendable (String) -> Void)?

  public init() {}
}

/// A number of bytes that is shared by all connections.
final class ByteBudget: Sendable {
  private let limit: Int
  private let used: Atomic<Int>

  init(_ limit: Int) {
    self.limit = limit
    used = Atomic(0)
  }

  /// - Returns: whether there was room for so many more.
  func take(_ bytes: Int) -> Bool {
    if used.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
    give(bytes)
    return false
  }

  func give(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }

  var inUse: Int { used.load(ordering: .relaxed) }
}
