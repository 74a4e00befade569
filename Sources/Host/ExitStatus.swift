/// The exit status of a program, mostly with the numbers of sysexits.h.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// Invalid usage or configuration.
  case usage = 64
  /// An invalid corpus or checkpoint.
  case badData = 65
  /// A file is missing.
  case missing = 66
  /// A rank stopped responding, or a step took too long; set by the watchdog.
  case unavailable = 69
  /// Numbers are not finite, or differ between ranks. Also the status of errors without one of their own.
  case brokenNumbers = 70
  /// Reading or writing failed, or the system did not provide enough threads, memory or open files.
  case inputOutput = 74
  /// Stopped by a signal, after saving.
  case stopped = 75

  /// The exit status for an error.
  public static func of(_ error: any Error) -> ExitStatus {
    (error as? any StatusCarrying)?.exitStatus ?? .brokenNumbers
  }
}

/// An error that determines the exit status of the program.
public protocol StatusCarrying: Error {
  var exitStatus: ExitStatus { get }
}
