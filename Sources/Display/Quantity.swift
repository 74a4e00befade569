import Foundation

/// Numbers for people.
public enum Quantity {
  /// Three significant figures and a unit's letter: 151M, 2.3G. What no letter is for has its power of ten: 1e+30.
  public static func short(_ value: Double) -> String {
    var scaled = value
    for unit in ["", "k", "M", "G", "T", "P", "E", "Z"] {
      if abs(scaled) < 999.5 { return figures(scaled) + unit }
      scaled /= 1000
    }
    return String(format: "%.3g", value)
  }

  public static func short(_ value: Int) -> String { value < 1000 ? String(value) : short(Double(value)) }

  /// Bytes in multiples of 1000.
  public static func bytes(_ value: Int) -> String { short(Double(value)) + "B" }

  /// A duration: 12 ms, 4.2 s, 3 min 10 s, 2 h 5 min.
  public static func duration(_ seconds: Double) -> String {
    if !(abs(seconds) <= 1e9) { return "unknown" }
    if seconds > 0 && seconds < 0.0995 { return figures(max(0.1, seconds * 1000)) + " ms" }
    if seconds < 60 { return figures(seconds) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    if whole < 48 * 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return "\(whole / 86400) d \(whole % 86400 / 3600) h"
  }

  /// `1 step`, `2 steps`.
  public static func count(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }

  /// Four decimals: a loss, a share.
  public static func fixed(_ value: Double) -> String { String(format: "%.4f", value) }

  /// - Precondition: the value is within an integer's range.
  private static func figures(_ value: Double) -> String {
    let size = abs(value)
    if size >= 100 || value == value.rounded() { return String(Int(value.rounded())) }
    let places = size >= 10 ? 10.0 : 100.0
    return String((value * places).rounded() / places)
  }
}
