/// The text of generated tokens as it comes: whole characters, up to a stop text.
public struct GeneratedText: Sendable {
  private let stops: [[UInt8]]
  private var bytes: [UInt8] = []
  private var written = 0
  /// Whether a stop text has come; what follows it is dropped.
  public private(set) var isStopped = false

  public init(stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

  /// Adds a token's bytes; the text that is certain now and was not before.
  ///
  /// The text ends before the stop text that begins first, wherever in a token it begins.
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
    return take(bytes.count - held)
  }

  /// What has been held back.
  public mutating func finish() -> String { take(bytes.count) }

  public func whole() -> String { String(decoding: bytes, as: UTF8.self) }

  private func firstIndex(of stop: [UInt8], from start: Int) -> Int? {
    var index = start
    while index + stop.count <= bytes.count {
      if bytes[index..<index + stop.count].elementsEqual(stop) { return index }
      index += 1
    }
    return nil
  }

  /// How many of the last bytes may still become a stop text, or a character of several bytes.
  private var held: Int {
    let ofStops = stops.map { stop in
      (0..<stop.count).last { bytes.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
    }
    return max(ofStops.max() ?? 0, unfinished)
  }

  /// The bytes at the end that begin a character and do not finish it.
  private var unfinished: Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }

  private mutating func take(_ end: Int) -> String {
    guard end > written else { return "" }
    defer { written = end }
    return String(decoding: bytes[written..<end], as: UTF8.self)
  }
}
