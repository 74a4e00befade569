/// String functions with Python's semantics, which the reference prompts of the benchmarks use.
enum PythonText {
  /// Whether `str.strip` removes the scalar.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1c...0x1f).contains(scalar.value)
  }

  /// `str.strip`.
  static func stripped(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(scalars[first...last])
  }

  /// `str.capitalize`: the first character in title case, the rest in lowercase.
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
  }

  /// `str.replace`, which compares code points, not characters.
  static func replacing(_ old: String, by new: String, in text: String) -> String {
    let scalars = Array(text.unicodeScalars).replacing(Array(old.unicodeScalars), with: Array(new.unicodeScalars))
    return string(scalars)
  }

  static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
