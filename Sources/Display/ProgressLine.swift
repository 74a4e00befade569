import Foundation

/// The progress of a long operation in one line on standard error: a bar, the amount done, the rate and the remaining time.
/// Prints nothing if standard error is not a terminal.
public struct ProgressLine {
  /// The unit of the amount.
  public struct Unit: Sendable {
    let name: String
    /// The number of counted items per unit.
    let size: Double

    public init(_ name: String, of size: Double = 1) {
      self.name = name
      self.size = size
    }

    public static let megabytes = Unit("MB", of: 1e6)
    public static let millionTokens = Unit("million tokens", of: 1e6)
    public static let millionParameters = Unit("million parameters", of: 1e6)
    public static let samples = Unit("samples")
    public static let items = Unit("items")
  }

  private let terminal = Terminal(STDERR_FILENO)
  private let unit: Unit
  private let started = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?

  public init(_ unit: Unit) { self.unit = unit }

  /// Seconds since the start.
  public var seconds: Double { (ContinuousClock.now - started) / .seconds(1) }

  /// Updates the line at most five times per second, and not in the first half second, so fast operations show nothing.
  ///
  /// - Parameter total: 0 if unknown.
  public mutating func show(done: Int, of total: Int) {
    guard let terminal else { return }
    let now = ContinuousClock.now
    guard lastShown.map({ now - $0 > .milliseconds(200) }) ?? (now - started > .milliseconds(500)) else { return }
    lastShown = now
    let fields = ProgressLine.fields(done: done, of: total, unit, seconds: seconds, Paint(for: terminal))
    // Always one row. Fields that do not fit are omitted.
    let row = LiveLines.rows(fields, width: terminal.width - 1).first ?? ""
    StandardStream.error.write("\r\(row)\u{1B}[K")
  }

  /// Erases the line.
  public func clear() {
    if lastShown != nil { StandardStream.error.write("\r\u{1B}[K") }
  }

  static func fields(
    done: Int, of total: Int, _ unit: Unit, seconds: Double, _ paint: Paint
  ) -> [LiveLines.Field] {
    let rate = Double(done) / max(seconds, 1e-9)
    func number(_ value: Double) -> String {
      unit.size == 1 && value >= 10 ? String(Int(value)) : String(format: "%.1f", value / unit.size)
    }
    let amount = unit.size == 1 ? String(done) : number(Double(done))
    var fields: [LiveLines.Field] = []
    if total > 0 {
      let fraction = min(1, Double(done) / Double(total))
      fields = [.bar(fraction, width: 20, paint, colour: 36), LiveLines.Field("\(Int(100 * fraction)) %")]
      if rate > 0 {
        let left = Int(Double(max(0, total - done)) / rate)
        fields.append(LiveLines.Field(String(format: "%d:%02d left", left / 60, left % 60)))
      }
    }
    return fields + [LiveLines.Field("\(amount) \(unit.name)"), LiveLines.Field("\(number(rate)) \(unit.name)/s")]
  }
}
