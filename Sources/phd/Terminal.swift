import Foundation

/// The terminal that standard output is, or stands for.
enum Terminal {
  static let isThere = isatty(STDOUT_FILENO) == 1

  /// In characters; that of a small terminal where there is none, or where it does not say.
  static var size: (columns: Int, rows: Int) {
    var size = winsize()
    if isThere, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 {
      return (Int(size.ws_col), Int(size.ws_row))
    }
    let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 80
    return (max(20, min(columns, 1000)), 24)
  }

  /// Whether colours are wanted (no-color.org).
  static var isColoured: Bool {
    isThere && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
  }

  /// Writes lines in place of all that the terminal shows.
  static func replace(with lines: [String]) {
    write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
  }

  private static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}
