import Host

/// An invalid configuration. The message says what is wrong, where, and what to do, in one or two lines.
public struct ConfigurationError: StatusCarrying, Equatable, CustomStringConvertible {
  /// The whole message, without a leading "error:".
  public let message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
  public var exitStatus: ExitStatus { .usage }
}
