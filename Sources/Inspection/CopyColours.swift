import Charts
import Foundation

/// A colour for each copy: the originals' blue, and the other colours of charts, orange first.
/// Where there are more copies than these, hidden ones go round the colour circle.
enum CopyColours {
  private static let few = [0, 4, 2, 3, 1, 5, 6].map { SVG.colours[$0] }
  /// The nearest of xterm's 256, that are read on black and on white.
  private static let fewOfTerminal = [32, 172, 36, 170, 166, 74, 137]

  /// Copies that a legend names one by one.
  static let distinct = 12

  /// - Parameters:
  ///   - copy: from 0.
  ///   - repeats: how many there are.
  static func hexadecimal(_ copy: Int, of repeats: Int) -> String {
    if copy == 0 || repeats <= few.count { return few[copy] }
    let hue = 30 + 300 * Double(copy - 1) / Double(repeats - 1)
    // HSL with a saturation of 60 % and a lightness of 50 %.
    let channels = [0.0, 8, 4].map { offset -> Int in
      let k = (offset + hue / 30).truncatingRemainder(dividingBy: 12)
      return Int((255 * (0.5 - 0.3 * max(-1, min(k - 3, 9 - k, 1)))).rounded())
    }
    return "#" + channels.map { String(format: "%02x", $0) }.joined()
  }

  /// One of xterm's 256 colours.
  static func ofTerminal(_ copy: Int) -> Int {
    copy == 0 ? fewOfTerminal[0] : fewOfTerminal[1 + (copy - 1) % (fewOfTerminal.count - 1)]
  }
}
