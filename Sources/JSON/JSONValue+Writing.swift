extension JSONValue {
  /// The value on one line. Numbers have the shortest form that reads back exactly. Numbers that are not finite, which JSON
  /// does not have, are the strings `"nan"`, `"inf"` and `"-inf"`.
  public var compact: String {
    var text = ""
    write(to: &text, style: .compact)
    return text
  }

  /// The value on several lines, indented by two spaces. Short lists of plain values are on one line.
  public var pretty: String {
    var text = ""
    write(to: &text, style: .indented(by: 0))
    return text
  }

  private enum Style {
    case compact
    case indented(by: Int)
  }

  /// The maximum length in bytes of a list that `pretty` writes on one line.
  private static let lineLength = 100

  private func write(to text: inout String, style: Style) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? value.description : "\"\(value)\""
    case .string(let value): JSONValue.write(value, to: &text)
    case .array(let values):
      if case .indented = style, values.allSatisfy(\.isPlain) {
        let line = compact
        if line.utf8.count <= JSONValue.lineLength {
          text += line
          return
        }
      }
      JSONValue.write("[", values, "]", to: &text, style: style) { value, text, style in
        value.write(to: &text, style: style)
      }
    case .object(let object):
      JSONValue.write("{", object.fields, "}", to: &text, style: style) { field, text, style in
        JSONValue.write(field.name, to: &text)
        if case .compact = style { text += ":" } else { text += ": " }
        field.value.write(to: &text, style: style)
      }
    }
  }

  private var isPlain: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  private static func write<Element>(
    _ open: String, _ elements: [Element], _ close: String, to text: inout String, style: Style,
    element: (Element, inout String, Style) -> Void
  ) {
    text += open
    var inner = style
    var (separator, end) = ("", "")
    if case .indented(let indentation) = style, !elements.isEmpty {
      inner = .indented(by: indentation + 2)
      separator = "\n" + String(repeating: " ", count: indentation + 2)
      end = "\n" + String(repeating: " ", count: indentation)
    }
    for (index, value) in elements.enumerated() {
      if index > 0 { text += "," }
      text += separator
      element(value, &text, inner)
    }
    text += end + close
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

/// Shows a text in a message: in quotes, on one line, truncated after 60 characters.
public func quoted(_ text: String) -> String {
  let limit = 60
  let shown = text.unicodeScalars.count > limit ? String(text.unicodeScalars.prefix(limit)) + "…" : text
  return JSONValue.string(shown).compact
}
