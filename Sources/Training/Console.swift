import Foundation

/// What rank 0 shows of a run: one line that is written over on a terminal, plain lines elsewhere.
///
/// Of steps that take less than a twentieth of a second, not all are shown: nobody could read them, and an `mpirun` that
/// passes on thousands of lines a second gets round to a signal only seconds later.
public final class Console {
  /// The terminal that the run is watched on; nil where there is none.
  private let terminal: Int32?
  private let steps: Int
  private let flopsPerStep: Int
  /// Operations a second of all ranks together.
  private let peak: Double
  /// Seconds of a step, averaged over the last few.
  private var pace: Double?
  private var hasLiveLine = false
  /// How many lines may be written now; grows with time up to `Console.burst`.
  private var allowance = Console.burst
  private var lastAllowed = ContinuousClock.now

  private static let linesPerSecond = 20.0
  private static let burst = 200.0

  /// - Parameters:
  ///   - steps: the run's last step.
  ///   - peak: the measured rate of matrix products, operations a second, all ranks together.
  public init(steps: Int, flopsPerStep: Int, peak: Double) {
    terminal = Console.terminal()
    self.steps = steps
    self.flopsPerStep = flopsPerStep
    self.peak = peak
  }

  /// A line that stays.
  public func say(_ text: String) {
    endLiveLine()
    write(text + "\n")
  }

  /// One step's line.
  public func show(step: Int, _ result: StepResult, seconds: Double) {
    pace = pace.map { 0.9 * $0 + 0.1 * seconds } ?? seconds
    guard mayShow() || step == steps else { return }
    let share = peak > 0 && seconds > 0 ? Double(flopsPerStep) / seconds / peak : 0
    let left = Double(steps - step) * (pace ?? seconds)
    let line = [
      "step \(step)/\(steps)", "loss \(fixed(result.loss, 4))", "norm \(fixed(result.gradientNorm, 3))",
      "lr \(scientific(result.learningRate))",
      "\(Quantity.short(Double(result.tokens) / max(seconds, 1e-9))) tokens/s",
      "\(Int((100 * share).rounded())) % of peak", "\(Quantity.duration(left)) left",
    ].joined(separator: "  ")
    if let terminal {
      write("\r\u{1B}[2K" + fitted(line, to: terminal))
      hasLiveLine = true
    } else {
      write(line + "\n")
    }
  }

  /// Ends a line that would be written over.
  public func endLiveLine() {
    if hasLiveLine { write("\n") }
    hasLiveLine = false
  }

  /// A message on standard error.
  public func warn(_ text: String) {
    endLiveLine()
    FileHandle.standardError.write(Data("phd-train: warning: \(text)\n".utf8))
  }

  private func mayShow() -> Bool {
    let now = ContinuousClock.now
    allowance = min(Console.burst, allowance + (now - lastAllowed) / .seconds(1) * Console.linesPerSecond)
    lastAllowed = now
    guard allowance >= 1 else { return false }
    allowance -= 1
    return true
  }

  private func write(_ text: String) {
    // Standard output may be a closed pipe: that is no reason to lose a run.
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Where standard output ends up. Under `mpirun` every rank's output is a terminal of its own, whatever `mpirun`'s
  /// is: then that of the parent process counts.
  private static func terminal() -> Int32? {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    guard ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil else { return STDOUT_FILENO }
    let parent = "/proc/\(getppid())/fd/1"
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: parent),
      target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty")
    else { return nil }
    let descriptor = open(target, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    return descriptor >= 0 && isatty(descriptor) == 1 ? descriptor : nil
  }

  /// Cut to the terminal's width, so that the line can be written over.
  private func fitted(_ line: String, to terminal: Int32) -> String {
    var size = winsize()
    guard ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return line }
    return String(line.prefix(Int(size.ws_col) - 1))
  }

  private func fixed(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
  private func scientific(_ value: Double) -> String { String(format: "%.2e", value) }
}
