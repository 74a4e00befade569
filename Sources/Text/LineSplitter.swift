import Foundation

/// Cuts a text that comes in blocks into its lines, byte by byte: memory is that of the longest line that spans blocks.
///
/// LF and CR LF end a line and are not part of it. A byte-order mark at the beginning of the text is not part of its
/// first line. What follows the last line end is a line where there is anything. Swift's `Character` is no help here:
/// it takes CR LF for one character, which is not equal to LF.
public struct LineSplitter {
  /// One line, without its end.
  public struct Line {
    /// Valid during the call that hands the line out.
    public let bytes: UnsafeBufferPointer<UInt8>
    /// Counted from 1.
    public let number: Int
    /// The line's first byte in the text, which the byte-order mark is counted in.
    public let offset: Int

    /// Whether there is nothing in it but spaces and tabs.
    public var isBlank: Bool { Self.isBlank(bytes) }

    /// Whether a line, without its end, has nothing in it but spaces and tabs.
    public static func isBlank(_ line: some Sequence<UInt8>) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
  }

  /// The beginning of a line whose end is in a later block.
  private var begun: [UInt8] = []
  private var number = 1
  private var offset = 0

  public init() {}

  /// Bytes of the line that the last block has begun.
  public var begunBytes: Int { begun.count }

  /// Calls `body` with each line that ends in the block.
  public mutating func read(_ block: UnsafeRawBufferPointer, _ body: (Line) throws -> Void) rethrows {
    guard let base = block.baseAddress else { return }
    var start = 0
    while let newline = memchr(base + start, 0x0a, block.count - start) {
      let end = UnsafeRawPointer(newline) - base
      let rest = UnsafeRawBufferPointer(rebasing: block[start..<end])
      if begun.isEmpty {
        try rest.withMemoryRebound(to: UInt8.self) { try endLine($0, body) }
      } else {
        begun.append(contentsOf: rest)
        try endBegunLine(body)
      }
      start = end + 1
    }
    begun.append(contentsOf: block[start...])
  }

  /// Calls `body` with the last line, where the text does not end with a line's end.
  public mutating func finish(_ body: (Line) throws -> Void) rethrows {
    if number == 1 && begun == ByteOrderMark.utf8 { begun = [] }
    if !begun.isEmpty { try endBegunLine(body) }
  }

  private mutating func endBegunLine(_ body: (Line) throws -> Void) rethrows {
    // Taken out meanwhile, as `endLine` changes the splitter; put back for the next line's beginning.
    var line: [UInt8] = []
    swap(&line, &begun)
    defer {
      line.removeAll(keepingCapacity: true)
      swap(&line, &begun)
    }
    try line.withUnsafeBufferPointer { try endLine($0, body) }
  }

  private mutating func endLine(_ line: UnsafeBufferPointer<UInt8>, _ body: (Line) throws -> Void) rethrows {
    let mark = number == 1 && ByteOrderMark.begins(UnsafeRawBufferPointer(line)) ? ByteOrderMark.utf8.count : 0
    let end = line.last == 0x0d ? line.count - 1 : line.count
    let content = UnsafeBufferPointer(rebasing: line[mark..<max(mark, end)])
    try body(Line(bytes: content, number: number, offset: offset + mark))
    number += 1
    offset += line.count + 1
  }
}

/// What some editors and Windows programs put before a text in UTF-8: it is no part of the text.
public enum ByteOrderMark {
  public static let utf8: [UInt8] = [0xef, 0xbb, 0xbf]

  /// Whether a text begins with it.
  public static func begins(_ text: UnsafeRawBufferPointer) -> Bool { text.starts(with: utf8) }

  /// The text without it.
  public static func removed(from text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    begins(text) ? UnsafeRawBufferPointer(rebasing: text[utf8.count...]) : text
  }
}
