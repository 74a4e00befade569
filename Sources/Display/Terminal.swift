import Foundation

/// The terminal that shows the program's output.
public struct Terminal: Sendable {
  private let descriptor: Int32

  /// Nil if the output goes to a file or a pipe.
  ///
  /// Under `mpirun` every rank's output is a pseudo-terminal, whatever `mpirun`'s own output is. In this case the output of
  /// the parent process is used.
  /// - Parameter descriptor: STDOUT_FILENO or STDERR_FILENO.
  public init?(_ descriptor: Int32) {
    guard isatty(descriptor) == 1 else { return nil }
    guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil else {
      self.descriptor = descriptor
      return
    }
    let parent = "/proc/\(getppid())/fd/\(descriptor)"
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: parent),
      target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty")
    else { return nil }
    // Open until the program ends.
    let opened = open(target, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard opened >= 0, isatty(opened) == 1 else { return nil }
    self.descriptor = opened
  }

  /// The current number of columns; 80 if unknown.
  public var width: Int { size.columns }

  /// The current size in characters; 80 × 24 if unknown.
  public var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// The number of columns for other outputs: the value of `COLUMNS`, or 80.
  public static var columnsElsewhere: Int {
    max(20, min(ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 80, 1000))
  }

  /// Whether to use colours: `TERM` names a terminal with colours, and `NO_COLOR` is unset or empty (no-color.org).
  public var hasColours: Bool { Terminal.wantsColours(ProcessInfo.processInfo.environment) }

  static func wantsColours(_ environment: [String: String]) -> Bool {
    let kind = environment["TERM"] ?? ""
    return (environment["NO_COLOR"] ?? "").isEmpty && !kind.isEmpty && kind != "dumb"
  }
}
