/// Lines over two axes, as an SVG that stands alone.
///
/// Lines differ by colour (Okabe and Ito's, which colour-blind readers can tell apart) and by marker; their names stand
/// beside the plot, never on it. The picture follows the reader's choice of a dark or a light page.
public struct LineChart: Sendable {
  public enum Scale: Sendable {
    case linear
    case linearFromZero
    case logarithmic
  }

  public struct Line: Sendable {
    public let name: String
    /// From left to right.
    public let points: [(x: Double, y: Double)]

    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }
  }

  public var title: String
  public var xTitle: String
  public var yTitle: String
  public var xScale: Scale
  public var yScale: Scale
  public var lines: [Line]

  public init(
    _ title: String, x xTitle: String, _ xScale: Scale, y yTitle: String, _ yScale: Scale, _ lines: [Line]
  ) {
    self.title = title
    self.xTitle = xTitle
    self.yTitle = yTitle
    self.xScale = xScale
    self.yScale = yScale
    self.lines = lines
  }

  /// The picture; points that an axis cannot show (not finite, or below its beginning) are left out.
  public func svg(width: Double = 720, height: Double = 400) -> String {
    let shown = lines.map { line in Line(line.name, line.points.filter { isShown($0) }) }.filter { !$0.points.isEmpty }
    let points = shown.flatMap(\.points)
    let (xAxis, yAxis) = (Axis(points.map(\.x), xScale), Axis(points.map(\.y), yScale))
    let names = LineChart.width(of: shown.map(\.name).max { $0.count < $1.count } ?? "")
    let ticks = yAxis.ticks.map(Axis.label)
    let left = 40 + LineChart.width(of: ticks.max { $0.count < $1.count } ?? "")
    let plot = Rectangle(left: left, top: 44, right: max(left + 80, width - 48 - names), bottom: height - 52)
    func x(_ value: Double) -> Double { plot.left + xAxis.place(value) * (plot.right - plot.left) }
    func y(_ value: Double) -> Double { plot.bottom - yAxis.place(value) * (plot.bottom - plot.top) }

    var svg = LineChart.head(width, height)
    svg.text(title, (plot.left + plot.right) / 2, 24, "class=\"title\" text-anchor=\"middle\"")
    for (value, label) in zip(yAxis.ticks, ticks) {
      svg.line((plot.left, y(value)), (plot.right, y(value)), "class=\"grid\"")
      svg.text(label, plot.left - 8, y(value) + 4, "text-anchor=\"end\"")
    }
    for value in xTicks(xAxis, points.map(\.x)) {
      svg.line((x(value), plot.bottom), (x(value), plot.bottom + 4), "class=\"axis\"")
      svg.text(Axis.label(value), x(value), plot.bottom + 18, "text-anchor=\"middle\"")
    }
    svg.line((plot.left, plot.bottom), (plot.right, plot.bottom), "class=\"axis\"")
    svg.text(xTitle, (plot.left + plot.right) / 2, height - 12, "text-anchor=\"middle\"")
    let middle = (plot.top + plot.bottom) / 2
    svg.text(
      yTitle, 0, 0, "text-anchor=\"middle\" transform=\"translate(16 \(LineChart.short(middle))) rotate(-90)\"")
    for (index, line) in shown.enumerated() {
      let places = line.points.map { (x: x($0.x), y: y($0.y)) }
      svg.line(through: places, index)
      for place in places { svg.marker(place.x, place.y, index) }
      let row = plot.top + 10 + 20 * Double(index)
      svg.line(through: [(plot.right + 14, row), (plot.right + 34, row)], index)
      svg.marker(plot.right + 24, row, index)
      svg.text(line.name, plot.right + 40, row + 4, "")
    }
    return svg.text + "</svg>\n"
  }

  private struct Rectangle {
    let left, top, right, bottom: Double
  }

  private func isShown(_ point: (x: Double, y: Double)) -> Bool {
    func isShown(_ value: Double, _ scale: Scale) -> Bool {
      switch scale {
      case .linear: value.isFinite
      case .linearFromZero: value.isFinite && value >= 0
      case .logarithmic: value.isFinite && value > 0
      }
    }
    return isShown(point.x, xScale) && isShown(point.y, yScale)
  }

  /// The numbers that were measured at, where they are few, else round ones.
  private func xTicks(_ axis: Axis, _ values: [Double]) -> [Double] {
    let own = Set(values).sorted()
    let places = own.map { axis.place($0) }
    return own.count <= 12 && zip(places, places.dropFirst()).allSatisfy { $1 - $0 > 0.05 } ? own : axis.ticks
  }

  /// About how wide a text is.
  private static func width(of text: String) -> Double { 7 * Double(text.count) }

  /// A coordinate with a tenth of a pixel.
  fileprivate static func short(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
  }

  private static func head(_ width: Double, _ height: Double) -> Drawing {
    var drawing = Drawing()
    let (width, height) = (short(width), short(height))
    drawing.text = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)">
      <style>
      text { font: 12px Helvetica, Arial, sans-serif; fill: #263238 }
      .title { font-size: 14px; font-weight: bold }
      .page { fill: #ffffff }
      .grid { stroke: #e3e7e9 }
      .axis { stroke: #263238 }
      @media (prefers-color-scheme: dark) {
      text { fill: #dfe5e8 }
      .page { fill: #1b1f22 }
      .grid { stroke: #3a4248 }
      .axis { stroke: #dfe5e8 }
      }
      </style>
      <rect class="page" width="\(width)" height="\(height)"/>

      """
    return drawing
  }
}

/// SVG as it grows.
private struct Drawing {
  var text = ""

  private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

  private func colour(_ index: Int) -> String { Drawing.colours[index % Drawing.colours.count] }

  mutating func text(_ words: String, _ x: Double, _ y: Double, _ attributes: String) {
    let escaped = words.map { character in
      switch character {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      default: String(character)
      }
    }
    text += "<text x=\"\(LineChart.short(x))\" y=\"\(LineChart.short(y))\" \(attributes)>\(escaped.joined())</text>\n"
  }

  mutating func line(_ from: (Double, Double), _ to: (Double, Double), _ attributes: String) {
    let (x1, y1, x2, y2) = (from.0, from.1, to.0, to.1)
    text += "<line x1=\"\(LineChart.short(x1))\" y1=\"\(LineChart.short(y1))\" x2=\"\(LineChart.short(x2))\" "
    text += "y2=\"\(LineChart.short(y2))\" \(attributes)/>\n"
  }

  mutating func line(through places: [(x: Double, y: Double)], _ index: Int) {
    let points = places.map { "\(LineChart.short($0.x)),\(LineChart.short($0.y))" }.joined(separator: " ")
    text += "<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(colour(index))\" stroke-width=\"2\"/>\n"
  }

  /// A circle, a square, a triangle or a diamond.
  mutating func marker(_ x: Double, _ y: Double, _ index: Int) {
    let corners: [(Double, Double)]
    switch index % 4 {
    case 0:
      text +=
        "<circle cx=\"\(LineChart.short(x))\" cy=\"\(LineChart.short(y))\" r=\"3.5\" fill=\"\(colour(index))\"/>\n"
      return
    case 1: corners = [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)]
    case 2: corners = [(0, -4.2), (4, 3), (-4, 3)]
    default: corners = [(0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)]
    }
    let points = corners.map { "\(LineChart.short(x + $0.0)),\(LineChart.short(y + $0.1))" }.joined(separator: " ")
    text += "<polygon points=\"\(points)\" fill=\"\(colour(index))\"/>\n"
  }
}
