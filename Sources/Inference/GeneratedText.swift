/// Converts generated tokens to text incrementally: emits complete characters, up to the first stop text.
public struct GeneratedText: Sendable {
  private let stops: [[UInt8]]
  private var bytes: [UInt8] = []
  /// The number of bytes that have been emitted.
  private var written = 0
  /// Whether a stop text has been found. Later tokens are ignored.
  public private(set) var isStopped = false

  public init(stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

  /// Adds a token's bytes and returns the text that can be emitted now.
  ///
  /// The text ends before the stop text that starts first, which may start in the middle of a token.
  public mutating func add(_ token: [UInt8]) -> String {
    guard !isStopped else { return "" }
    let before = bytes.count
    bytes += token
    let found = stops.compactMap { stop in firstIndex(of: stop, from: max(0, before - stop.count + 1)) }
    if let end = found.min() {
      bytes.removeLast(bytes.count - end)
      isStopped = true
      return finish()
    }
    return emit(to: bytes.count - heldBack)
  }

  /// Returns the text that was held back.
  public mutating func finish() -> String { emit(to: bytes.count) }

  /// The whole text, without the stop text.
  public func whole() -> String { String(decoding: bytes, as: UTF8.self) }

  private func firstIndex(of stop: [UInt8], from start: Int) -> Int? {
    var index = start
    while index + stop.count <= bytes.count {
      if bytes[index..<index + stop.count].elementsEqual(stop) { return index }
      index += 1
    }
    return nil
  }

  /// The number of bytes at the end that may be the start of a stop text, or an incomplete character.
  private var heldBack: Int {
    let stopPrefixes = stops.map { stop in
      (0..<stop.count).last { bytes.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
    }
    return max(stopPrefixes.max() ?? 0, incomplete)
  }

  /// The number of bytes of an incomplete UTF-8 character at the end.
  private var incomplete: Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }

  /// Returns the text of the bytes that have not been emitted, up to byte `end`.
  private mutating func emit(to end: Int) -> String {
    guard end > written else { return "" }
    defer { written = end }
    return String(decoding: bytes[written..<end], as: UTF8.self)
  }
}
