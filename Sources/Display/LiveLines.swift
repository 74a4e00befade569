/// A few lines at the end of a terminal that are updated in place.
public struct LiveLines: Sendable {
  /// A text to show, and its width in columns without colour codes.
  public struct Field: Sendable {
    public let text: String
    public let width: Int

    /// - Parameter plain: the text without colours.
    public init(_ text: String, plain: String? = nil) {
      self.text = text
      width = (plain ?? text).count
    }
  }

  private static let gap = "  "
  private static let maximumLines = 4
  /// The number of lines that are now on the terminal.
  private var lines = 0

  public init() {}

  /// The output that replaces the current lines by the fields.
  ///
  /// - Parameter width: the terminal's columns; the last column stays empty to avoid line breaks.
  public mutating func show(_ fields: [Field], width: Int) -> String {
    let text = takeAway()
    let rows = LiveLines.rows(fields, width: width - 1)
    lines = rows.count
    return text + rows.joined(separator: "\n")
  }

  /// The output that erases the lines and moves the cursor to their start.
  public mutating func takeAway() -> String {
    guard lines > 0 else { return "" }
    let up = lines > 1 ? "\u{1B}[\(lines - 1)A" : ""
    lines = 0
    return "\r\(up)\u{1B}[J"
  }

  /// The output that keeps the lines and moves the cursor below them.
  public mutating func leave() -> String {
    defer { lines = 0 }
    return lines > 0 ? "\n" : ""
  }

  /// Distributes fields to as few rows as possible. Fields that do not fit are omitted.
  static func rows(_ fields: [Field], width: Int) -> [String] {
    var rows: [(text: String, width: Int)] = []
    for field in fields where field.width <= width {
      if let last = rows.last, last.width + gap.count + field.width <= width {
        rows[rows.count - 1] = (last.text + gap + field.text, last.width + gap.count + field.width)
      } else if rows.count < maximumLines {
        rows.append((field.text, field.width))
      }
    }
    return rows.map(\.text)
  }
}

extension LiveLines.Field {
  /// A progress bar: ━━━━━╸────.
  public static func bar(_ fraction: Double, width: Int, _ paint: Paint, colour: Int) -> LiveLines.Field {
    let halves = Int((min(max(fraction.isFinite ? fraction : 0, 0), 1) * Double(2 * width)).rounded(.down))
    let done = String(repeating: "━", count: halves / 2) + (halves % 2 == 1 ? "╸" : "")
    let rest = String(repeating: "─", count: width - done.count)
    return LiveLines.Field(paint(done, colour: colour) + paint.faint(rest), plain: done + rest)
  }
}
