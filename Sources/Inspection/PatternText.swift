import Display
import Transformer

/// Patterns as text, side by side as far as the width allows. The digit of a visible key is its copy.
public struct PatternText {
  private let grids: [PatternGrid]
  private let paint: Paint

  /// A line of a panel, and its width in columns without colour codes.
  private typealias Line = (text: String, width: Int)

  private static let gutter = 4
  /// The width of a row's label.
  private static let labelWidth = 4

  public init(_ grids: [PatternGrid], _ paint: Paint) {
    self.grids = grids
    self.paint = paint
  }

  /// - Parameter width: columns; wider panels are not truncated.
  public func text(width: Int) -> String {
    var lines: [String] = []
    var row: [[Line]] = []
    var columns = 0
    for panel in grids.map(panel) {
      let panelWidth = panel.map(\.width).max() ?? 0
      if !row.isEmpty && columns + PatternText.gutter + panelWidth > width {
        lines += sideBySide(row) + [""]
        (row, columns) = ([], 0)
      }
      columns += panelWidth + (row.isEmpty ? 0 : PatternText.gutter)
      row.append(panel)
    }
    lines += sideBySide(row) + [""] + legend
    return lines.joined(separator: "\n")
  }

  private func panel(_ grid: PatternGrid) -> [Line] {
    let indent = String(repeating: " ", count: PatternText.labelWidth)
    let caption = grid.caption
    let marks = cells(grid) { index in
      switch grid.fates[index] {
      case .kept: "●"
      case .windowed: "○"
      case .dropped: " "
      }
    }
    var lines: [Line] = [
      (paint.bold(grid.decoding.name), grid.decoding.name.count), (paint.faint(caption), caption.count),
      (indent + marks.text, PatternText.labelWidth + marks.width),
    ]
    for (row, query) in grid.tokens.enumerated() {
      let isFirst = row == 0 || grid.block(row) != grid.block(row - 1) || grid.order == .copies
      let label = isFirst ? "\(query.position)" : ""
      let padded = String(repeating: " ", count: max(0, 2 - label.count)) + label + " "
      let sees = cells(grid) { column in
        guard grid.sees[row][column] else { return paint.faint("·") }
        let copy = grid.tokens[column].copy
        return paint(digit(copy), colour: CopyColours.ofTerminal(copy))
      }
      let own = paint("▌", colour: CopyColours.ofTerminal(query.copy))
      lines.append((paint.faint(padded) + (paint.isOn ? own : " ") + sees.text, PatternText.labelWidth + sees.width))
    }
    return lines
  }

  /// One cell per key, with a blank column between blocks.
  private func cells(_ grid: PatternGrid, _ cell: (_ index: Int) -> String) -> Line {
    var (text, width) = ("", 0)
    for index in grid.tokens.indices {
      if index == 0 || grid.block(index) != grid.block(index - 1) {
        text += " "
        width += 1
      }
      text += cell(index)
      width += 1
    }
    return (text, width)
  }

  /// 1 to 9, then letters.
  private func digit(_ copy: Int) -> String { String((copy + 1) % 36, radix: 36) }

  private func sideBySide(_ panels: [[Line]]) -> [String] {
    let widths = panels.map { $0.map(\.width).max() ?? 0 }
    return (0..<(panels.map(\.count).max() ?? 0)).map { index in
      var (text, blanks) = ("", 0)
      for (panel, width) in zip(panels, widths) {
        let line: Line = index < panel.count ? panel[index] : ("", 0)
        if line.width > 0 {
          text += String(repeating: " ", count: blanks) + line.text
          blanks = 0
        }
        blanks += width - line.width + PatternText.gutter
      }
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
  }

  private var legend: [String] {
    var marks: [String] = []
    let fates = grids.flatMap(\.fates)
    if fates.contains(.kept) { marks.append("● stays in the KV cache") }
    if fates.contains(.windowed) { marks.append("○ stays while in the window") }
    return [
      "A row is a query, a column a key; a digit is the copy whose key is seen.",
      "Keys: " + marks.joined(separator: ", "),
    ]
  }
}
