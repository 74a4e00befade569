import Host

/// A file whose content cannot be used, such as a corpus, a tokenizer or a text; also a text that a tokenizer cannot
/// encode.
public struct InvalidFileError: StatusCarrying, Equatable, CustomStringConvertible, Sendable {
  public var path: String
  /// What is wrong, what was expected and what to do, in one or two lines, without the path.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  public var exitStatus: ExitStatus { .badData }

  public var description: String { "\(path): \(message)" }
}
