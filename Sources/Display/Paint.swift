/// Text in colour for a terminal that has it, as it is for everything else.
public struct Paint: Sendable {
  /// Whether anything is coloured.
  public let isOn: Bool

  public init(isOn: Bool) { self.isOn = isOn }

  /// For a terminal; nil for what is none.
  public init(for terminal: Terminal?) { self.init(isOn: terminal?.hasColours ?? false) }

  /// The text in one of xterm's 256 colours.
  public func callAsFunction(_ text: String, colour: Int) -> String { wrap(text, "38;5;\(colour)") }

  public func bold(_ text: String) -> String { wrap(text, "1") }

  /// Text that stands back behind the rest.
  public func faint(_ text: String) -> String { wrap(text, "2") }

  private func wrap(_ text: String, _ code: String) -> String {
    isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
