extension LineChart {
  /// The chart in characters: each line in dots of Braille, eight to a character; where it was smoothed, shades say where
  /// the numbers were before.
  ///
  /// - Parameters:
  ///   - columns: characters in a line, the labels' included.
  ///   - rows: lines of the plot; three more are the axis, its labels and its title.
  ///   - isColoured: with the escapes that colour a terminal.
  /// - Returns: the lines; none where there are no two points to draw.
  public func text(columns: Int, rows: Int, isColoured: Bool = false) -> [String] {
    let shown = shownLines
    guard shown.contains(where: { $0.points.count > 1 }) else { return [] }
    let (xAxis, yAxis) = axes(of: shown)
    // A row has one label: of ticks that share one, the first.
    let labels = Dictionary(
      zip(yAxis.ticks, yAxis.labels).map { (rows - 1 - Int(yAxis.place($0) * Double(rows - 1) + 0.5), $1) }
    ) { first, _ in first }
    let margin = (labels.values.map(\.count).max() ?? 0) + 2
    var canvas = CharacterCanvas(columns: max(8, columns - margin), rows: rows)
    for (index, line) in shown.enumerated() {
      canvas.shade(line.behind.map { (xAxis.place($0.x), yAxis.place($0.y)) }, index)
    }
    for (index, line) in shown.enumerated() {
      canvas.draw(line.points.map { (xAxis.place($0.x), yAxis.place($0.y)) }, index)
    }
    func padded(_ text: String) -> String { String(repeating: " ", count: max(0, margin - 2 - text.count)) + text }
    var lines = [String(repeating: " ", count: margin) + title]
    for row in 0..<rows {
      let label = labels[row]
      lines.append(padded(label ?? "") + (label == nil ? " │" : " ┤") + canvas.row(row, isColoured: isColoured))
    }
    var (axis, below) = ([Character](repeating: "─", count: canvas.columns), "")
    for (tick, label) in zip(xAxis.ticks, xAxis.labels) {
      let column = min(canvas.columns - 1, Int(xAxis.place(tick) * Double(canvas.columns)))
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

/// Rows of characters that lines are drawn on.
struct CharacterCanvas {
  let columns: Int
  let rows: Int
  /// A character's dots, one bit each, and the line that drew them last.
  private var dots: [(bits: UInt8, line: Int)]
  private var shades: [Int?]

  init(columns: Int, rows: Int) {
    (self.columns, self.rows) = (columns, rows)
    dots = Array(repeating: (0, 0), count: columns * rows)
    shades = Array(repeating: nil, count: columns * rows)
  }

  /// Draws a line through places between (0, 0), below on the left, and (1, 1). Of what lies above or below, only the way
  /// in from there is drawn.
  mutating func draw(_ places: [(x: Double, y: Double)], _ line: Int) {
    var last: (x: Double, y: Double)?
    for place in places {
      let start = last ?? place
      last = place
      if min(start.y, place.y) > 1 || max(start.y, place.y) < 0 { continue }
      let from = (x: dot(start.x, columns * 2), y: dot(1 - start.y, rows * 4))
      let to = (x: dot(place.x, columns * 2), y: dot(1 - place.y, rows * 4))
      let steps = max(abs(to.x - from.x), abs(to.y - from.y), 1)
      for step in 0...steps {
        mark(from.x + (to.x - from.x) * step / steps, from.y + (to.y - from.y) * step / steps, line)
      }
    }
  }

  /// Shades the characters from the lowest to the highest place of each column.
  mutating func shade(_ places: [(x: Double, y: Double)], _ line: Int) {
    var ends: [ClosedRange<Double>?] = Array(repeating: nil, count: columns)
    for place in places {
      let column = dot(place.x, columns)
      let range = ends[column] ?? place.y...place.y
      ends[column] = min(range.lowerBound, place.y)...max(range.upperBound, place.y)
    }
    for (column, range) in ends.enumerated() {
      guard let range, range.upperBound >= 0, range.lowerBound <= 1 else { continue }
      for row in dot(1 - range.upperBound, rows)...dot(1 - range.lowerBound, rows) {
        shades[row * columns + column] = line
      }
    }
  }

  /// A row's text, without spaces at its end.
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

  /// Blue, yellow, magenta, cyan, green, red: the terminal's own.
  private static func style(_ line: Int) -> String { "\u{1B}[\([94, 93, 95, 96, 92, 91][line % 6])m" }

  /// The nearest dot of so many; a place may be farther off than integers go.
  private func dot(_ place: Double, _ count: Int) -> Int {
    Int(max(0, min(Double(count - 1), place * Double(count))))
  }

  private mutating func mark(_ x: Int, _ y: Int, _ line: Int) {
    /// Braille's dots are numbered down the left column, down the right one, and then the lowest pair.
    let bits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
    let place = y / 4 * columns + x / 2
    dots[place] = (dots[place].bits | bits[y % 4 * 2 + x % 2], line)
  }
}
