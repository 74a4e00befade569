/// A terminal's screen, with the features that live displays need.
public struct Screen {
  public let width: Int
  private var rows: [[Unicode.Scalar]] = [[]]
  private var row = 0
  private var column = 0
  /// Whether a line was wrapped because it is longer than the width.
  public private(set) var hasBrokenLine = false

  public init(width: Int) { self.width = width }

  /// The rows without trailing spaces.
  public var lines: [String] {
    rows.map { row in
      var text = String(String.UnicodeScalarView(row))
      while text.hasSuffix(" ") { text.removeLast() }
      return text
    }
  }

  /// Displays output. Supports the escape sequences for moving the cursor up and for erasing to the end of the line or the
  /// screen. Ignores colours.
  public mutating func write(_ text: String) {
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n":
        row += 1
        column = 0
        if row == rows.count { rows.append([]) }
      case "\u{1B}":
        guard rest.popFirst() == "[" else { continue }
        let parameter = String(String.UnicodeScalarView(rest.prefix { "0"..."9" ~= $0 || $0 == ";" }))
        rest = rest.dropFirst(parameter.unicodeScalars.count)
        control(rest.popFirst() ?? "m", Int(parameter))
      default: put(scalar)
      }
    }
  }

  private mutating func control(_ name: Unicode.Scalar, _ count: Int?) {
    switch name {
    case "A": row = max(0, row - (count ?? 1))
    case "K": rows[row].removeSubrange(min(column, rows[row].count)...)
    case "J":
      rows[row].removeSubrange(min(column, rows[row].count)...)
      rows.removeSubrange((row + 1)...)
    default: break
    }
  }

  private mutating func put(_ scalar: Unicode.Scalar) {
    if column == width {
      hasBrokenLine = true
      write("\n")
    }
    while rows[row].count <= column { rows[row].append(" ") }
    rows[row][column] = scalar
    column += 1
  }
}
