/// Builds an SVG.
struct Drawing {
  private(set) var text: String

  /// A page of this size; if `corner` is given, nested in another page at this position.
  init(_ width: Double, _ height: Double, at corner: (x: Double, y: Double)? = nil) {
    text = SVG.head(
      width, height, at: corner, light: ".grid { stroke: #e3e7e9 }\n.axis { stroke: #263238 }",
      dark: ".grid { stroke: #3a4248 }\n.axis { stroke: #dfe5e8 }")
  }

  private func colour(_ index: Int) -> String { SVG.colours[index % SVG.colours.count] }

  mutating func text(_ string: String, _ x: Double, _ y: Double, _ attributes: String) {
    // XML does not allow control characters.
    let printed = string.unicodeScalars.map { $0.value < 0x20 ? " " : String($0) }.joined()
    text += "<text x=\"\(SVG.short(x))\" y=\"\(SVG.short(y))\" \(attributes)>\(SVG.escaped(printed))</text>\n"
  }

  /// Adds the elements that `fill` draws, clipped to a rectangle, in the same coordinates.
  mutating func clip(left: Double, top: Double, right: Double, bottom: Double, _ fill: (inout Drawing) -> Void) {
    let (x, y) = (SVG.short(left), SVG.short(top))
    let (width, height) = (SVG.short(right - left), SVG.short(bottom - top))
    text += "<svg x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" "
    text += "viewBox=\"\(x) \(y) \(width) \(height)\">\n"
    fill(&self)
    text += "</svg>\n"
  }

  /// Adds a finished picture.
  mutating func add(_ picture: String) { text += picture }

  var finished: String { text + "</svg>\n" }

  mutating func line(_ from: (Double, Double), _ to: (Double, Double), _ attributes: String) {
    let (x1, y1, x2, y2) = (from.0, from.1, to.0, to.1)
    text += "<line x1=\"\(SVG.short(x1))\" y1=\"\(SVG.short(y1))\" x2=\"\(SVG.short(x2))\" "
    text += "y2=\"\(SVG.short(y2))\" \(attributes)/>\n"
  }

  mutating func line(through points: [(x: Double, y: Double)], _ index: Int) {
    polyline(points, "stroke=\"\(colour(index))\" stroke-width=\"2\" stroke-linejoin=\"round\"\(dashes(index))")
  }

  /// A line that stays in the background.
  mutating func pale(through points: [(x: Double, y: Double)], _ index: Int) {
    polyline(points, "stroke=\"\(colour(index))\" stroke-width=\"0.8\" stroke-opacity=\"0.3\"")
  }

  private mutating func polyline(_ points: [(x: Double, y: Double)], _ attributes: String) {
    let list = points.map { "\(SVG.short($0.x)),\(SVG.short($0.y))" }.joined(separator: " ")
    text += "<polyline points=\"\(list)\" fill=\"none\" \(attributes)/>\n"
  }

  /// Lines whose colour is used more than once are dashed.
  private func dashes(_ index: Int) -> String {
    switch index / SVG.colours.count {
    case 0: ""
    case 1: " stroke-dasharray=\"6 3\""
    default: " stroke-dasharray=\"2 3\""
    }
  }

  /// A circle, a square, a triangle or a diamond.
  mutating func marker(_ x: Double, _ y: Double, _ index: Int) {
    let corners: [(Double, Double)]
    switch index % 4 {
    case 0:
      text +=
        "<circle cx=\"\(SVG.short(x))\" cy=\"\(SVG.short(y))\" r=\"3.5\" fill=\"\(colour(index))\"/>\n"
      return
    case 1: corners = [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)]
    case 2: corners = [(0, -4.2), (4, 3), (-4, 3)]
    default: corners = [(0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)]
    }
    let points = corners.map { "\(SVG.short(x + $0.0)),\(SVG.short(y + $0.1))" }.joined(separator: " ")
    text += "<polygon points=\"\(points)\" fill=\"\(colour(index))\"/>\n"
  }
}
