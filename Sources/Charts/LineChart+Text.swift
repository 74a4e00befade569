extension LineChart {
  /// The chart as text. Lines are drawn in Braille dots, eight per character; shades show the values before smoothing.
  ///
  /// - Parameters:
  ///   - columns: characters per line, including the labels.
  ///   - rows: lines of the plot, without its title and the three lines of the horizontal axis.
  ///   - isColoured: add escape codes for colours.
  /// - Returns: the lines; empty if no line has two or more points.
  public func text(columns: Int, rows: Int, isColoured: Bool = false) -> [String] {
    let shown = shownLines
    guard shown.contains(where: { $0.points.count > 1 }) else { return [] }
    let (xAxis, yAxis) = axes(of: shown)
    // Each row has one label, that of its first tick.
    let labels = Dictionary(
      zip(yAxis.ticks, yAxis.labels).map { (rows - 1 - Int(yAxis.position($0) * Double(rows - 1) + 0.5), $1) }
    ) { first, _ in first }
    let margin = (labels.values.map(\.count).max() ?? 0) + 2
    var canvas = CharacterCanvas(columns: max(8, columns - margin), rows: rows)
    for (index, line) in shown.enumerated() {
      canvas.shade(line.behind.map { (xAxis.position($0.x), yAxis.position($0.y)) }, index)
    }
    for (index, line) in shown.enumerated() {
      canvas.draw(line.points.map { (xAxis.position($0.x), yAxis.position($0.y)) }, index)
    }
    func padded(_ text: String) -> String { String(repeating: " ", count: max(0, margin - 2 - text.count)) + text }
    var lines = [String(repeating: " ", count: margin) + title]
    for row in 0..<rows {
      let label = labels[row]
      lines.append(padded(label ?? "") + (label == nil ? " │" : " ┤") + canvas.row(row, isColoured: isColoured))
    }
    var (axis, below) = ([Character](repeating: "─", count: canvas.columns), "")
    for (tick, label) in zip(xAxis.ticks, xAxis.labels) {
      let column = min(canvas.columns - 1, Int(xAxis.position(tick) * Double(canvas.columns)))
      let start = max(0, min(canvas.columns - label.count, column - label.count / 2))
      guard start > below.count || below.isEmpty else { continue }
      axis[column] = "┬"
      below += String(repeating: " ", count: start - below.count) + label
    }
    lines.append(padded("") + " └" + String(axis))
    lines.append(String(repeating: " ", count: margin) + below)
    lines.append(String(repeating: " ", count: margin + max(0, (canvas.columns - xTitle.count) / 2)) + xTitle)
    return lines
  }
}

/// A canvas of characters.
struct CharacterCanvas {
  let columns: Int
  let rows: Int
  /// Each character's dots, one bit per dot, and the line that was drawn last.
  private var dots: [(bits: UInt8, line: Int)]
  private var shades: [Int?]

  init(columns: Int, rows: Int) {
    (self.columns, self.rows) = (columns, rows)
    dots = Array(repeating: (0, 0), count: columns * rows)
    shades = Array(repeating: nil, count: columns * rows)
  }

  /// Draws a line through points. (0, 0) is the lower left corner, (1, 1) the upper right. Segments that are entirely above
  /// or below the canvas are omitted.
  mutating func draw(_ points: [(x: Double, y: Double)], _ line: Int) {
    var last: (x: Double, y: Double)?
    for point in points {
      let start = last ?? point
      last = point
      if min(start.y, point.y) > 1 || max(start.y, point.y) < 0 { continue }
      let from = (x: dot(start.x, columns * 2), y: dot(1 - start.y, rows * 4))
      let to = (x: dot(point.x, columns * 2), y: dot(1 - point.y, rows * 4))
      let steps = max(abs(to.x - from.x), abs(to.y - from.y), 1)
      for step in 0...steps {
        mark(from.x + (to.x - from.x) * step / steps, from.y + (to.y - from.y) * step / steps, line)
      }
    }
  }

  /// Shades the characters between the lowest and the highest point of each column.
  mutating func shade(_ points: [(x: Double, y: Double)], _ line: Int) {
    var ends: [ClosedRange<Double>?] = Array(repeating: nil, count: columns)
    for point in points {
      let column = dot(point.x, columns)
      let range = ends[column] ?? point.y...point.y
      ends[column] = min(range.lowerBound, point.y)...max(range.upperBound, point.y)
    }
    for (column, range) in ends.enumerated() {
      guard let range, range.upperBound >= 0, range.lowerBound <= 1 else { continue }
      for row in dot(1 - range.upperBound, rows)...dot(1 - range.lowerBound, rows) {
        shades[row * columns + column] = line
      }
    }
  }

  /// A row's text without trailing spaces.
  func row(_ row: Int, isColoured: Bool) -> String {
    var text = ""
    var style = ""
    for column in 0..<columns {
      let (bits, line) = dots[row * columns + column]
      let shade = shades[row * columns + column]
      let character = bits != 0 ? Unicode.Scalar(0x2800 + UInt32(bits)) : shade != nil ? "░" : " "
      let wanted = bits != 0 ? CharacterCanvas.style(line) : shade.map { CharacterCanvas.style($0) + "\u{1B}[2m" } ?? ""
      if isColoured && wanted != style {
        text += "\u{1B}[0m" + wanted
        style = wanted
      }
      text.unicodeScalars.append(character ?? " ")
    }
    if style != "" { return text + "\u{1B}[0m" }
    return String(text.reversed().drop { $0 == " " }.reversed())
  }

  /// The terminal's own blue, yellow, magenta, cyan, green and red.
  private static func style(_ line: Int) -> String { "\u{1B}[\([94, 93, 95, 96, 92, 91][line % 6])m" }

  /// The nearest of `count` dots. Clamped before the conversion, because the position may exceed the integers' range.
  private func dot(_ position: Double, _ count: Int) -> Int {
    Int(max(0, min(Double(count - 1), position * Double(count))))
  }

  private mutating func mark(_ x: Int, _ y: Int, _ line: Int) {
    // Bits of a Braille character's dots, row by row.
    let bits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
    let index = y / 4 * columns + x / 2
    dots[index] = (dots[index].bits | bits[y % 4 * 2 + x % 2], line)
  }
}
