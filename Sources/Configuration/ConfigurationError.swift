import Host

/// A configuration that cannot be used: what is wrong, where, the values, and what to do, in one or two lines.
public struct ConfigurationError: StatusCarrying, Equatable, CustomStringConvertible {
  /// The whole message, without a leading "error:".
  public let message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
  public var exitStatus: ExitStatus { .usage }
}
