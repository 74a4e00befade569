/// Colours, style sheet and number format of all SVGs.
public enum SVG {
  /// Okabe and Ito's colours, which colour-blind readers can tell apart; brown instead of their yellow, which is too pale
  /// for lines on white.
  public static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

  /// The start of an SVG: its style sheet, with a light and a dark colour scheme, and its background.
  ///
  /// - Parameters:
  ///   - corner: the position in another SVG; nil for the outermost one.
  ///   - rules: further rules of the style sheet for the light scheme.
  ///   - dark: further rules for the dark scheme.
  public static func head(
    _ width: Double, _ height: Double, at corner: (x: Double, y: Double)? = nil, light rules: String, dark: String
  ) -> String {
    let (width, height) = (short(width), short(height))
    let place = corner.map { " x=\"\(short($0.x))\" y=\"\(short($0.y))\"" } ?? ""
    return """
      <svg xmlns="http://www.w3.org/2000/svg"\(place) width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)">
      <style>
      text { font: 12px Helvetica, Arial, sans-serif; fill: #263238 }
      .title { font-size: 14px; font-weight: bold }
      .page { fill: #ffffff }
      \(rules)
      @media (prefers-color-scheme: dark) {
      text { fill: #dfe5e8 }
      .page { fill: #1b1f22 }
      \(dark)
      }
      </style>
      <rect class="page" width="\(width)" height="\(height)"/>

      """
  }

  /// Escapes a text for XML and HTML, also in attributes. Compares scalars, because browsers interpret a `<` that is
  /// followed by a combining mark.
  public static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// A coordinate rounded to a tenth of a pixel, and clamped to ±1e6.
  public static func short(_ value: Double) -> String {
    let tenths = (max(-1e6, min(1e6, value)) * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
  }
}
