import JSON
import Storage

/// Reads the records of a loss log sequentially, in constant memory; a million steps take about a second.
public struct LogReader {
  /// The content of a line.
  public enum Entry: Sendable {
    case step(StepRecord)
    /// Any other record: an object with a string `event`.
    case other(event: String, JSONValue)
    /// Not a record: invalid, or a truncated line.
    case unreadable
  }

  private var lines: LineReader
  private var scanner = StepLineScanner()

  /// - Parameter position: the start of a line: 0, or the ``position`` of an earlier reader.
  /// - Throws: `StorageError`.
  public init(_ path: String, from position: Int = 0) throws {
    do {
      lines = try LineReader(path, from: position)
    } catch let error as StorageError where error.kind == .missing {
      throw StorageError(.missing, path, "there is no such loss log")
    }
  }

  /// Calls `body` with the entry of each line. Skips empty lines.
  ///
  /// - Parameter body: receives the entry and the byte range of its line in the file, without the newline.
  /// - Throws: `StorageError`; the errors of `body`.
  public mutating func forEachEntry(_ body: (Entry, _ place: Range<Int>) throws -> Void) throws {
    var scanner = scanner
    try lines.forEachLine { bytes, line, position in
      guard bytes[line].contains(where: { $0 != 0x20 && $0 != 0x0d }) else { return }
      try body(LogReader.entry(bytes, line, &scanner), position..<position + line.count)
    }
    self.scanner = scanner
  }

  /// The position of the next record.
  public var position: Int { lines.position }

  /// After reading all lines, the text after the last newline: an incomplete line.
  public var unfinished: Entry? {
    let bytes = lines.unfinished
    var scanner = scanner
    return bytes.isEmpty ? nil : LogReader.entry(bytes, bytes.indices, &scanner)
  }

  private static func entry(_ bytes: [UInt8], _ line: Range<Int>, _ scanner: inout StepLineScanner) -> Entry {
    if let record = scanner.record(bytes, line) { return .step(record) }
    guard let json = try? JSONValue(parsing: Array(bytes[line])), let event = json["event"]?.string else {
      return .unreadable
    }
    guard event == "step" else { return .other(event: event, json) }
    return StepRecord(json).map(Entry.step) ?? .unreadable
  }
}
