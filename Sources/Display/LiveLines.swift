/// A few lines at the end of a terminal that are written over again and again.
public struct LiveLines: Sendable {
  /// One thing to show: what it looks like, and how many columns it takes; colours take none.
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
  private static let mostLines = 4
  /// Lines on the terminal now.
  private var lines = 0

  public init() {}

  /// What has to be written for the terminal to show the fields instead of what it shows.
  ///
  /// - Parameter width: the terminal's columns; the last one stays free, so that no line is broken.
  public mutating func show(_ fields: [Field], width: Int) -> String {
    let text = takeAway()
    let rows = LiveLines.rows(fields, width: width - 1)
    lines = rows.count
    return text + rows.joined(separator: "\n")
  }

  /// What has to be written for them to be gone, the cursor where they began.
  public mutating func takeAway() -> String {
    guard lines > 0 else { return "" }
    let up = lines > 1 ? "\u{1B}[\(lines - 1)A" : ""
    lines = 0
    return "\r\(up)\u{1B}[J"
  }

  /// What has to be written for them to stay, and the cursor to be below.
  public mutating func leave() -> String {
    defer { lines = 0 }
    return lines > 0 ? "\n" : ""
  }

  /// Fields in as few rows as hold them; those that are too many are left out, one that is too wide for a row too.
  static func rows(_ fields: [Field], width: Int) -> [String] {
    var rows: [(text: String, width: Int)] = []
    for field in fields where field.width <= width {
      if let last = rows.last, last.width + gap.count + field.width <= width {
        rows[rows.count - 1] = (last.text + gap + field.text, last.width + gap.count + field.width)
      } else if rows.count < mostLines {
        rows.append((field.text, field.width))
      }
    }
    return rows.map(\.text)
  }
}

extension LiveLines.Field {
  /// How much of something is done: ━━━━━╸────.
  public static func bar(_ fraction: Double, width: Int, _ paint: Paint, colour: Int) -> LiveLines.Field {
    let halves = Int((min(max(fraction.isFinite ? fraction : 0, 0), 1) * Double(2 * width)).rounded(.down))
    let done = String(repeating: "━", count: halves / 2) + (halves % 2 == 1 ? "╸" : "")
    let rest = String(repeating: "─", count: width - done.count)
    return LiveLines.Field(paint(done, colour: colour) + paint.faint(rest), plain: done + rest)
  }
}
