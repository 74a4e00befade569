import Foundation

/// One line on standard error that says how far a long piece of work is; silent where that is no terminal.
struct ProgressLine {
  private let isVisible = isatty(STDERR_FILENO) == 1
  private let unit: String
  private let started = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?

  /// - Parameter unit: of what is counted, "MB", and how many of them are a million: millions are shown.
  init(unit: String) {
    self.unit = unit
  }

  /// Seconds since the work began.
  var seconds: Double {
    let elapsed = (ContinuousClock.now - started).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }

  /// Shows the state, five times a second at most.
  mutating func show(done: Int, of total: Int) {
    let now = ContinuousClock.now
    guard isVisible, lastShown.map({ now - $0 > .milliseconds(200) }) ?? true else { return }
    lastShown = now
    let rate = Double(done) / max(seconds, 1e-9)
    var line = String(format: "%.1f %@, %.1f %@/s", Double(done) / 1e6, unit, rate / 1e6, unit)
    if total > 0 && rate > 0 {
      let left = Int(Double(max(0, total - done)) / rate)
      line = String(format: "%3d%%  ", min(100, 100 * done / total)) + line
      line += String(format: ", %d:%02d left", left / 60, left % 60)
    }
    FileHandle.standardError.write(Data("\r\(line)\u{1B}[K".utf8))
  }

  /// Takes the line away.
  func clear() {
    if lastShown != nil { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}
