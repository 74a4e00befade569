import Foundation

/// A terminal that a program's output ends up on.
public struct Terminal: Sendable {
  private let descriptor: Int32

  /// Nil where a descriptor leads elsewhere: to a file, a pipe, or a terminal that nobody looks at.
  ///
  /// Under `mpirun` every rank's output is a terminal of its own, whatever `mpirun`'s is: then that of the parent process
  /// counts.
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
    // Held as long as the program runs.
    let opened = open(target, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard opened >= 0, isatty(opened) == 1 else { return nil }
    self.descriptor = opened
  }

  /// Columns, now; 80 where the terminal does not say.
  public var width: Int { size.columns }

  /// In characters, now; that of a small terminal where it does not say.
  public var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Columns for who writes to no terminal: what `COLUMNS` says, or 80.
  public static var columnsElsewhere: Int {
    max(20, min(ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 80, 1000))
  }

  /// Whether it shows colours, as far as `TERM` says, and its user wants them: `NO_COLOR` is unset or empty
  /// (no-color.org).
  public var hasColours: Bool { Terminal.wantsColours(ProcessInfo.processInfo.environment) }

  static func wantsColours(_ environment: [String: String]) -> Bool {
    let kind = environment["TERM"] ?? ""
    return (environment["NO_COLOR"] ?? "").isEmpty && !kind.isEmpty && kind != "dumb"
  }
}
