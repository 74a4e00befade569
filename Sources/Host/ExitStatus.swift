/// The exit status of a program, with the numbers of sysexits.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// Wrong usage or configuration.
  case usage = 64
  /// A bad corpus or checkpoint.
  case badData = 65
  /// A file is missing.
  case missing = 66
  /// A rank stopped answering, or a step took too long: the watchdog's.
  case unavailable = 69
  /// The numbers broke: not finite, or not the same on all ranks. Also any error without a status of its own.
  case brokenNumbers = 70
  /// Reading or writing failed, or the system refused more threads or open files.
  case inputOutput = 74
  /// Stopped by a signal, after saving.
  case stopped = 75

  /// The status that a program exits with because of an error.
  public static func of(_ error: any Error) -> ExitStatus {
    (error as? any StatusCarrying)?.exitStatus ?? .brokenNumbers
  }
}

/// An error that knows the exit status of a program that ends because of it.
public protocol StatusCarrying: Error {
  var exitStatus: ExitStatus { get }
}
