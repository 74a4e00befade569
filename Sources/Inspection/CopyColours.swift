import Charts
import Foundation

/// The colours of copies: blue for the originals, then the other colours of charts, starting with orange. If there are
/// more copies than these colours, hidden copies have evenly spaced hues.
enum CopyColours {
  private static let few = [0, 4, 2, 3, 1, 5, 6].map { SVG.colours[$0] }
  /// The nearest of xterm's 256 colours that are legible on black and on white.
  private static let fewOfTerminal = [32, 172, 36, 170, 166, 74, 137]

  /// The number of copies that a legend lists individually.
  static let distinct = 12

  /// - Parameters:
  ///   - copy: from 0.
  ///   - repeats: the number of copies.
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

  /// The copy's colour among xterm's 256.
  static func ofTerminal(_ copy: Int) -> Int {
    copy == 0 ? fewOfTerminal[0] : fewOfTerminal[1 + (copy - 1) % (fewOfTerminal.count - 1)]
  }
}
