import Host

/// A tokenizer's file that is wrong or asks for what is not supported, or a text that a tokenizer cannot take.
public struct TokenizerError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The file.
  public var path: String
  /// What is wrong, what was expected and what to do about it, in one or two lines, without the path.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

extension TokenizerError: StatusCarrying {
  public var exitStatus: ExitStatus { .badData }
}
