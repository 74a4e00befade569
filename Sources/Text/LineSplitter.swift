import Foundation

/// Splits a text that arrives in blocks into lines. Memory is proportional to the longest line that spans blocks.
///
/// LF and CR LF end a line and are not part of it. A byte-order mark at the beginning of the text is not part of its
/// first line. Text after the last line end is a line if it is not empty. The splitter works on bytes because Swift's
/// `Character` treats CR LF as one character, which is not equal to LF.
public struct LineSplitter {
  /// One line, without its end.
  public struct Line {
    /// Valid during the call that receives the line.
    public let bytes: UnsafeBufferPointer<UInt8>
    /// Counted from 1.
    public let number: Int
    /// The offset of the first byte in the text, including the byte-order mark.
    public let offset: Int

    /// Whether it contains only spaces and tabs.
    public var isBlank: Bool { Self.isBlank(bytes) }

    /// Whether a line, without its end, contains only spaces and tabs.
    public static func isBlank(_ line: some Sequence<UInt8>) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
  }

  /// The beginning of a line whose end is in a later block.
  private var begun: [UInt8] = []
  private var number = 1
  private var offset = 0

  public init() {}

  /// The number of bytes of the unfinished line.
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

  /// Calls `body` with the last line if no line end follows it.
  public mutating func finish(_ body: (Line) throws -> Void) rethrows {
    if number == 1 && begun == ByteOrderMark.utf8 { begun = [] }
    if !begun.isEmpty { try endBegunLine(body) }
  }

  private mutating func endBegunLine(_ body: (Line) throws -> Void) rethrows {
    // Moved out, because `endLine` mutates the splitter, and back, to reuse its memory.
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

/// The byte-order mark that some editors and Windows programs write before UTF-8 text. It is not part of the text.
public enum ByteOrderMark {
  public static let utf8: [UInt8] = [0xef, 0xbb, 0xbf]

  /// Whether a text begins with it.
  public static func begins(_ text: UnsafeRawBufferPointer) -> Bool { text.starts(with: utf8) }

  /// The text without it.
  public static func removed(from text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    begins(text) ? UnsafeRawBufferPointer(rebasing: text[utf8.count...]) : text
  }
}
