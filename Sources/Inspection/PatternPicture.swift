import Charts
import Transformer

/// Patterns side by side as one SVG. Rows are queries, columns are keys, and colours are the keys' copies.
///
/// The picture has a light and a dark colour scheme.
public struct PatternPicture {
  private let grids: [PatternGrid]
  /// Pixels from one cell to the next.
  private let pitch: Double
  private let gap: Double

  private static let margin = 24.0
  /// Between panels.
  private static let gutter = 36.0
  private static let titleHeight = 66.0
  private static let labelWidth = 34.0
  private static let widest = 1100.0

  public init(_ grids: [PatternGrid]) {
    self.grids = grids
    let largest = Double(grids.map(\.tokens.count).max() ?? 1)
    pitch = max(3, min(14, (480 / largest).rounded(.down)))
    gap = pitch >= 6 ? 4 : 2
  }

  public var svg: String {
    var body = ""
    var (x, y, rowHeight, width) = (PatternPicture.margin, PatternPicture.margin, 0.0, 0.0)
    for grid in grids {
      let side = side(of: grid)
      let panelWidth = PatternPicture.labelWidth + max(side, PatternPicture.textWidth(grid))
      if x > PatternPicture.margin && x + panelWidth > PatternPicture.widest {
        (x, y, rowHeight) = (PatternPicture.margin, y + rowHeight + PatternPicture.gutter, 0)
      }
      body += "<g transform=\"translate(\(short(x)) \(short(y)))\">\n\(panel(grid))</g>\n"
      width = max(width, x + panelWidth)
      rowHeight = max(rowHeight, PatternPicture.titleHeight + side)
      x += panelWidth + PatternPicture.gutter
    }
    let legend = legend(width: max(width, 520))
    let height = y + rowHeight + PatternPicture.gutter + legend.height + PatternPicture.margin - 10
    let fullWidth = max(width, legend.width) + PatternPicture.margin
    let top = y + rowHeight + PatternPicture.gutter
    return head(fullWidth, height)
      + body
      + "<g transform=\"translate(\(short(PatternPicture.margin)) \(short(top)))\">\n\(legend.text)</g>\n</svg>\n"
  }

  // MARK: - Panels

  private func panel(_ grid: PatternGrid) -> String {
    let (left, top) = (PatternPicture.labelWidth, PatternPicture.titleHeight)
    var svg = text(grid.decoding.name, left, 12, "title") + text(grid.caption, left, 30, "note")
    let side = side(of: grid)
    for (index, token) in grid.tokens.enumerated() {
      let place = place(index, of: grid)
      // Next to each row its query's copy, above each column what happens to its key.
      svg += rect(left - 8, top + place, 4, size, fill: colour(token.copy, of: grid))
      svg += mark(grid.fates[index], left + place + size / 2, top - 7)
      // A position's number is centred on its cells, if it fits.
      let cells = grid.order == .tokens ? grid.decoding.repeats : 1
      if (grid.order == .copies || token.copy == 0) && pitch * Double(cells) >= 12 {
        let middle = place + (Double(cells) * pitch - 1) / 2
        svg += text("\(token.position)", left - 13, top + middle + 3.5, "number right")
        svg += text("\(token.position)", left + middle, top - 15, "number centre")
      }
    }
    // One background for all masked cells; visible cells are drawn on top.
    svg += "<rect class=\"plane\" x=\"\(short(left))\" y=\"\(short(top))\" width=\"\(short(side))\" "
    svg += "height=\"\(short(side))\"/>\n"
    for copy in 0..<grid.decoding.repeats { svg += cells(of: copy, in: grid, left, top) }
    return svg
  }

  /// The visible keys of one copy as one path, because separate rectangles would make large files.
  private func cells(of copy: Int, in grid: PatternGrid, _ left: Double, _ top: Double) -> String {
    var path = ""
    let size = short(size)
    for (row, query) in grid.sees.enumerated() {
      for (column, sees) in query.enumerated() where sees && grid.tokens[column].copy == copy {
        path +=
          "M\(short(left + place(column, of: grid))) \(short(top + place(row, of: grid)))h\(size)v\(size)h-\(size)z"
      }
    }
    return path.isEmpty ? "" : "<path fill=\"\(colour(copy, of: grid))\" d=\"\(path)\"/>\n"
  }

  /// The side of a cell.
  private var size: Double { pitch - 1 }

  /// The start of a row or column.
  private func place(_ index: Int, of grid: PatternGrid) -> Double {
    Double(index) * pitch + (grid.decoding.repeats > 1 ? Double(grid.block(index)) * gap : 0)
  }

  private func side(of grid: PatternGrid) -> Double { place(grid.tokens.count - 1, of: grid) + size }

  private func mark(_ fate: KeyFate, _ x: Double, _ y: Double) -> String {
    let radius = min(3, pitch / 2 - 0.7)
    switch fate {
    case .kept: return "<circle class=\"kept\" cx=\"\(short(x))\" cy=\"\(short(y))\" r=\"\(short(radius))\"/>\n"
    case .windowed:
      return "<circle class=\"windowed\" cx=\"\(short(x))\" cy=\"\(short(y))\" r=\"\(short(radius - 0.5))\"/>\n"
    case .dropped: return ""
    }
  }

  private func colour(_ copy: Int, of grid: PatternGrid) -> String {
    CopyColours.hexadecimal(copy, of: grid.decoding.repeats)
  }

  // MARK: - Legend

  private func legend(width: Double) -> (text: String, width: Double, height: Double) {
    let repeats = grids.map(\.decoding.repeats).max() ?? 1
    var entries: [(draw: (Double, Double) -> String, label: String)] = []
    for copy in 0..<min(repeats, CopyColours.distinct) {
      let label = copy == 0 ? "originals (copy 1)" : "hidden copies (copy \(copy + 1))"
      entries.append(
        ({ rect($0, $1 - 10, 12, 12, fill: CopyColours.hexadecimal(copy, of: repeats)) }, label))
    }
    if repeats > CopyColours.distinct {
      entries.append(({ _, _ in "" }, "… to copy \(repeats)"))
    }
    let fates = Set(grids.flatMap(\.fates).map(\.rawValue))
    for (fate, label) in [(KeyFate.kept, "key stays in the KV cache"), (.windowed, "key stays while in the window")]
    where fates.contains(fate.rawValue) {
      entries.append(({ mark(fate, $0 + 6, $1 - 4) }, label))
    }
    var svg = text(
      "A row is a query, a column a key: the cell has the colour of the copy whose key is seen.", 0, 4, "note")
    var (x, y, widest) = (0.0, 28.0, 520.0)
    for entry in entries {
      let entryWidth = 18 + 6 * Double(entry.label.count) + 22
      if x > 0 && x + entryWidth > width { (x, y) = (0, y + 20) }
      svg += entry.draw(x, y) + text(entry.label, x + 18, y, "note")
      x += entryWidth
      widest = max(widest, x)
    }
    return (svg, widest, y + 6)
  }

  // MARK: - SVG elements

  private func head(_ width: Double, _ height: Double) -> String {
    SVG.head(
      width, height,
      light: """
        .number { font-size: 10px; fill: #607d8b }
        .right { text-anchor: end }
        .centre { text-anchor: middle }
        .plane { fill: #eceff1 }
        .kept { fill: #263238 }
        .windowed { fill: none; stroke: #263238 }
        """,
      dark: """
        .number { fill: #90a4ae }
        .plane { fill: #2b3136 }
        .kept { fill: #dfe5e8 }
        .windowed { stroke: #dfe5e8 }
        """)
  }

  private func text(_ label: String, _ x: Double, _ y: Double, _ kind: String) -> String {
    "<text class=\"\(kind)\" x=\"\(short(x))\" y=\"\(short(y))\">\(label)</text>\n"
  }

  private func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double, fill: String) -> String {
    "<rect x=\"\(short(x))\" y=\"\(short(y))\" width=\"\(short(width))\" height=\"\(short(height))\" "
      + "fill=\"\(fill)\"/>\n"
  }

  /// The approximate width of a panel's title and caption.
  private static func textWidth(_ grid: PatternGrid) -> Double {
    max(8.6 * Double(grid.decoding.name.count), 6.4 * Double(grid.caption.count))
  }

  private func short(_ value: Double) -> String { SVG.short(value) }
}
