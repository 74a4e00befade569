import Host

/// An input that cannot be read the way the options have it: the file may be fine, the options are not.
public struct InputFormatError: Error, Equatable, CustomStringConvertible, Sendable {
  public var path: String
  /// What is wrong and which option helps, in one or two lines, without the path.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

extension InputFormatError: StatusCarrying {
  public var exitStatus: ExitStatus { .usage }
}
