/// Adds colour codes to texts for terminals with colours. For other outputs, texts are unchanged.
public struct Paint: Sendable {
  /// Whether colour codes are added.
  public let isOn: Bool

  public init(isOn: Bool) { self.isOn = isOn }

  /// - Parameter terminal: nil if the output is not a terminal.
  public init(for terminal: Terminal?) { self.init(isOn: terminal?.hasColours ?? false) }

  /// The text in one of xterm's 256 colours.
  public func callAsFunction(_ text: String, colour: Int) -> String { wrap(text, "38;5;\(colour)") }

  public func bold(_ text: String) -> String { wrap(text, "1") }

  /// Less prominent text.
  public func faint(_ text: String) -> String { wrap(text, "2") }

  private func wrap(_ text: String, _ code: String) -> String {
    isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
