import Display
import Foundation

/// Rank 0's display of a run: a few updated lines on a terminal, plain lines elsewhere.
///
/// If steps take less than a twentieth of a second, not all are shown, because an `mpirun` that forwards thousands of
/// lines per second reacts to a signal only seconds later.
public final class Console {
  /// The time of a step on rank 0.
  public struct StepTime: Sendable {
    /// Seconds of the whole step, including data and update.
    public var whole: Double
    /// Of these, seconds waiting for the batch.
    public var data: Double
    /// Of these, seconds waiting for other ranks' gradients.
    public var reduction: Double

    public init(whole: Double, data: Double = 0, reduction: Double = 0) {
      self.whole = whole
      self.data = data
      self.reduction = reduction
    }
  }

  /// The terminal of standard output; nil if it is not a terminal.
  private let terminal: Terminal?
  private let paint: Paint
  private let steps: Int
  private let flopsPerStep: Int
  /// FLOP/s of all ranks together.
  private let peak: Double
  private let ranks: Int
  /// Moving average of the seconds per step, without the first step, which is slower.
  private var pace: Double?
  private var isFirst = true
  private var losses = Sparkline()
  private var live = LiveLines()
  private var fields: [LiveLines.Field] = []
  /// How many lines may be written now; grows with time up to `Console.burst`.
  private var allowance = Console.burst
  private var lastAllowed = ContinuousClock.now

  private static let linesPerSecond = 20.0
  private static let burst = 200.0

  /// - Parameters:
  ///   - steps: the run's last step.
  ///   - peak: the measured rate of matrix products in FLOP/s, all ranks together.
  public init(steps: Int, flopsPerStep: Int, peak: Double, ranks: Int = 1) {
    terminal = Terminal(STDOUT_FILENO)
    paint = Paint(for: terminal)
    self.steps = steps
    self.flopsPerStep = flopsPerStep
    self.peak = peak
    self.ranks = ranks
  }

  /// Prints a permanent line.
  public func say(_ text: String) {
    write(live.takeAway() + text + "\n")
    showLive()
  }

  /// Shows one step.
  ///
  /// - Parameter tokens: target tokens so far.
  public func show(step: Int, _ result: StepResult, tokens: Int, time: StepTime) {
    if !isFirst { pace = pace.map { 0.9 * $0 + 0.1 * time.whole } ?? time.whole }
    losses.append(result.loss)
    let rated = isFirst ? nil : time
    isFirst = false
    guard mayShow() || step == steps else { return }
    if terminal == nil {
      write(plainLine(step, result, tokens, rated) + "\n")
    } else {
      fields = liveFields(step, result, tokens, rated)
      showLive()
    }
  }

  /// Ends the updated lines.
  public func endLiveLine() {
    write(live.leave())
    fields = []
  }

  /// Prints a warning on standard error.
  public func warn(_ text: String) {
    write(live.takeAway())
    StandardStream.error.write("phd-train: warning: \(text)\n")
    showLive()
  }

  // MARK: format of a step

  private func plainLine(_ step: Int, _ result: StepResult, _ tokens: Int, _ time: StepTime?) -> String {
    var parts = [
      "step \(step)/\(steps)", "loss \(fixed(result.loss, 4))", "norm \(fixed(result.gradientNorm, 3))",
      "lr \(scientific(result.learningRate))",
    ]
    if let time {
      parts += rates(result, time) + ["\(Quantity.short(tokens)) tokens"]
      parts += waits(time).filter { $0.share >= 0.01 }.map(\.text)
      parts.append(left(after: step))
    }
    return parts.joined(separator: "  ")
  }

  private func liveFields(
    _ step: Int, _ result: StepResult, _ tokens: Int, _ time: StepTime?
  ) -> [LiveLines.Field] {
    func labelled(_ name: String, _ value: String) -> LiveLines.Field {
      LiveLines.Field("\(paint.faint(name)) \(value)", plain: "\(name) \(value)")
    }
    let done = Double(step) / Double(max(steps, 1))
    let line = losses.text(width: 24)
    let loss = fixed(result.loss, 4)
    var fields = [
      LiveLines.Field(paint.bold("step \(step)/\(steps)"), plain: "step \(step)/\(steps)"),
      .bar(done, width: 20, paint, colour: 36), LiveLines.Field("\(Int(100 * done)) %"),
    ]
    if time != nil { fields.append(LiveLines.Field(left(after: step))) }
    fields += [
      LiveLines.Field(
        "\(paint.faint("loss")) \(paint.bold(loss)) \(paint(line, colour: 32))", plain: "loss \(loss) \(line)"),
      labelled("norm", fixed(result.gradientNorm, 3)), labelled("lr", scientific(result.learningRate)),
    ]
    if let time {
      fields += rates(result, time).map { LiveLines.Field($0) }
      fields.append(LiveLines.Field("\(Quantity.short(tokens)) tokens"))
      fields += waits(time).map { LiveLines.Field(paint.faint($0.text), plain: $0.text) }
    }
    return fields
  }

  /// Tokens per second, and the fraction of the peak.
  private func rates(_ result: StepResult, _ time: StepTime) -> [String] {
    let share = peak > 0 && time.whole > 0 ? Double(flopsPerStep) / time.whole / peak : 0
    return [
      "\(Quantity.short(Double(result.tokens) / max(time.whole, 1e-9))) tokens/s",
      "\(Int((100 * share).rounded())) % of peak",
    ]
  }

  /// The fractions of a step spent waiting.
  private func waits(_ time: StepTime) -> [(text: String, share: Double)] {
    func wait(_ name: String, _ seconds: Double) -> (String, Double) {
      let share = time.whole > 0 ? seconds / time.whole : 0
      return ("\(name) \(Int((100 * share).rounded())) %", share)
    }
    return [wait("data", time.data)] + (ranks > 1 ? [wait("reduction", time.reduction)] : [])
  }

  private func left(after step: Int) -> String {
    "\(Quantity.duration(Double(steps - step) * (pace ?? 0))) left"
  }

  private func fixed(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }
  private func scientific(_ value: Double) -> String { String(format: "%.2e", value) }

  // MARK: writing

  private func showLive() {
    guard let terminal, !fields.isEmpty else { return }
    write(live.show(fields, width: terminal.width))
  }

  private func mayShow() -> Bool {
    let now = ContinuousClock.now
    allowance = min(Console.burst, allowance + (now - lastAllowed) / .seconds(1) * Console.linesPerSecond)
    lastAllowed = now
    guard allowance >= 1 else { return false }
    allowance -= 1
    return true
  }

  private func write(_ text: String) { StandardStream.output.write(text) }
}
