/// What all pictures share.
public enum SVG {
  /// Okabe and Ito's colours, which colour-blind readers can tell apart; brown instead of their yellow, which is too pale
  /// for lines on white.
  public static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31"]

  /// The start of a picture, up to its page, which follows the reader's choice of a dark or a light one.
  ///
  /// - Parameters:
  ///   - corner: where it stands in another picture.
  ///   - rules: more rules of its style sheet, on a light page and on a dark one.
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

  /// A text as XML and HTML have it: shown as it is, in an attribute too. Scalar by scalar: a mark that joins a `<` to
  /// its neighbour does not hide it from a browser.
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

  /// A coordinate with a tenth of a pixel; far outside of any page, where a line may go, with less than it is.
  public static func short(_ value: Double) -> String {
    let tenths = (max(-1e6, min(1e6, value)) * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
  }
}
