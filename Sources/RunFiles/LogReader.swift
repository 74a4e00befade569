import JSON
import Storage

/// The records of a loss log, one after another, in little memory; a million steps take about a second.
public struct LogReader {
  /// What a line holds.
  public enum Entry: Sendable {
    case step(StepRecord)
    /// Any other record: an object with a string `event`.
    case other(event: String, JSONValue)
    /// No record: garbage, or a line that was cut.
    case unreadable
  }

  private var lines: LineReader
  private var scanner = StepLineScanner()

  /// - Parameter position: where a line begins: 0, or the ``position`` of an earlier reader.
  /// - Throws: `StorageError`.
  public init(_ path: String, from position: Int = 0) throws {
    do {
      lines = try LineReader(path, from: position)
    } catch let error as StorageError where error.kind == .missing {
      throw StorageError(.missing, path, "there is no such loss log")
    }
  }

  /// Calls `body` with each line's entry, lines without anything left out.
  ///
  /// - Parameter body: told the entry and where its line lies in the file, without the newline.
  /// - Throws: `StorageError`; what `body` throws.
  public mutating func forEachEntry(_ body: (Entry, _ place: Range<Int>) throws -> Void) throws {
    var scanner = scanner
    try lines.forEachLine { bytes, line, position in
      guard bytes[line].contains(where: { $0 != 0x20 && $0 != 0x0d }) else { return }
      try body(LogReader.entry(bytes, line, &scanner), position..<position + line.count)
    }
    self.scanner = scanner
  }

  /// Where the next record will begin.
  public var position: Int { lines.position }

  /// What stands behind the last newline, once all was read: a line being written, or one that was cut.
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
