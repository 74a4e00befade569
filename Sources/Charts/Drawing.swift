/// SVG as it grows.
struct Drawing {
  private(set) var text: String

  /// A page of that size; on another, with its corner at a place there.
  init(_ width: Double, _ height: Double, at corner: (x: Double, y: Double)? = nil) {
    let (width, height) = (Drawing.short(width), Drawing.short(height))
    let place = corner.map { " x=\"\(Drawing.short($0.x))\" y=\"\(Drawing.short($0.y))\"" } ?? ""
    text = """
      <svg xmlns="http://www.w3.org/2000/svg"\(place) width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)">
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
  }

  private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

  private func colour(_ index: Int) -> String { Drawing.colours[index % Drawing.colours.count] }

  mutating func text(_ words: String, _ x: Double, _ y: Double, _ attributes: String) {
    let escaped = words.unicodeScalars.map { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case _ where scalar.value < 0x20: " "
      default: String(scalar)
      }
    }
    text += "<text x=\"\(Drawing.short(x))\" y=\"\(Drawing.short(y))\" \(attributes)>\(escaped.joined())</text>\n"
  }

  /// Adds a drawing that `fill` makes within a rectangle, with the same coordinates; what leaves it is cut off.
  mutating func clip(left: Double, top: Double, right: Double, bottom: Double, _ fill: (inout Drawing) -> Void) {
    let (x, y) = (Drawing.short(left), Drawing.short(top))
    let (width, height) = (Drawing.short(right - left), Drawing.short(bottom - top))
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
    text += "<line x1=\"\(Drawing.short(x1))\" y1=\"\(Drawing.short(y1))\" x2=\"\(Drawing.short(x2))\" "
    text += "y2=\"\(Drawing.short(y2))\" \(attributes)/>\n"
  }

  mutating func line(through places: [(x: Double, y: Double)], _ index: Int) {
    polyline(places, "stroke=\"\(colour(index))\" stroke-width=\"2\" stroke-linejoin=\"round\"\(dashes(index))")
  }

  /// A line that stays in the background.
  mutating func pale(through places: [(x: Double, y: Double)], _ index: Int) {
    polyline(places, "stroke=\"\(colour(index))\" stroke-width=\"0.8\" stroke-opacity=\"0.3\"")
  }

  private mutating func polyline(_ places: [(x: Double, y: Double)], _ attributes: String) {
    let points = places.map { "\(Drawing.short($0.x)),\(Drawing.short($0.y))" }.joined(separator: " ")
    text += "<polyline points=\"\(points)\" fill=\"none\" \(attributes)/>\n"
  }

  /// Lines whose colour has been used before are broken, and so told apart from it.
  private func dashes(_ index: Int) -> String {
    switch index / Drawing.colours.count {
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
        "<circle cx=\"\(Drawing.short(x))\" cy=\"\(Drawing.short(y))\" r=\"3.5\" fill=\"\(colour(index))\"/>\n"
      return
    case 1: corners = [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)]
    case 2: corners = [(0, -4.2), (4, 3), (-4, 3)]
    default: corners = [(0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)]
    }
    let points = corners.map { "\(Drawing.short(x + $0.0)),\(Drawing.short(y + $0.1))" }.joined(separator: " ")
    text += "<polygon points=\"\(points)\" fill=\"\(colour(index))\"/>\n"
  }

  /// A coordinate with a tenth of a pixel.
  static func short(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
  }
}
