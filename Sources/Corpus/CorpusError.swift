import Host

/// A corpus, or a text that should become one, whose content is wrong.
public struct CorpusError: Error, Equatable, CustomStringConvertible, Sendable {
  public var path: String
  /// What is wrong, what was expected and what to do about it, in one or two lines, without the path.
  public var message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

extension CorpusError: StatusCarrying {
  public var exitStatus: ExitStatus { .badData }
}
