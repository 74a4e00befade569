import Foundation
import JSON
import Storage

/// The loss log: one JSON object a line, each flushed as it is written.
///
/// What a full disk does not take is kept, and written before anything else as soon as there is room.
public final class LossLog {
  public let path: String
  private let descriptor: Int32
  /// What could not be written yet; may begin inside a line.
  private var unwritten: [UInt8] = []

  /// Opens a run's log at a step: records of later steps are cut away, those of starts stay.
  ///
  /// - Throws: `StorageError`.
  public init(_ path: String, continuingFrom step: Int) throws {
    self.path = path
    if FileStatus.exists(path) {
      let lines = try LossLog.lines(of: path)
      let kept = lines.filter { LossLog.isKept($0, from: step) }
      if kept.count != lines.count || !LossLog.endsWithNewline(path) {
        try WholeFile.write(kept.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }, to: path)
      }
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw StorageError(.failed, path, "cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Appends one record: `event` first, then the fields in their order.
  ///
  /// - Throws: `StorageError.failed` where it could not be written; it is kept.
  public func append(_ event: String, _ fields: JSONValue) throws {
    unwritten += LossLog.line(event, fields)
    try flush()
  }

  /// Writes what could not be written before.
  ///
  /// - Throws: `StorageError.failed` where it still cannot be.
  func flush() throws {
    var written = 0
    defer { unwritten.removeFirst(written) }
    while written < unwritten.count {
      let count = unwritten[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw StorageError(.failed, path, "cannot be written: \(String(cString: strerror(errno)))")
      }
      written += count
    }
  }

  /// Has all records on the disk.
  ///
  /// - Throws: `StorageError.failed`.
  func sync() throws {
    try flush()
    // What is no file has no disk: EINVAL.
    if fsync(descriptor) != 0 && errno != EINVAL {
      throw StorageError(.failed, path, "cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  /// Appends the record of a run's end, from outside of the thread that writes the log.
  ///
  /// - Throws: `StorageError.failed`.
  static func appendEnd(to path: String, step: Int, reason: String) throws {
    let line = line("end", ["step": .integer(step), "reason": .string(reason)])
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError(.failed, path, "cannot be written") }
    defer { _ = close(descriptor) }
    guard write(descriptor, line, line.count) == line.count else {
      throw StorageError(.failed, path, "cannot be written")
    }
  }

  private static func line(_ event: String, _ fields: JSONValue) -> [UInt8] {
    var record: JSONValue.Object = .init()
    record["event"] = .string(event)
    for field in fields.object?.fields ?? [] { record[field.name] = field.value }
    return Array((JSONValue.object(record).compact + "\n").utf8)
  }

  /// The record of the run's last start; nil where there is none.
  ///
  /// - Throws: `StorageError`.
  static func lastStart(_ path: String) throws -> JSONValue? {
    // `event` comes first in a record: the others need not be parsed.
    let line = try lines(of: path).last { $0.hasPrefix("{\"event\":\"run\"") }
    return try line.map { try JSONValue(parsing: String($0)) }
  }

  /// The records of a log, unreadable lines (a cut last one, say) counted apart.
  ///
  /// - Throws: `StorageError`.
  public static func read(_ path: String) throws -> (records: [JSONValue], unreadable: Int) {
    var records: [JSONValue] = []
    var unreadable = 0
    for line in try lines(of: path) where !line.isEmpty {
      if let record = try? JSONValue(parsing: line), record["event"]?.string != nil {
        records.append(record)
      } else {
        unreadable += 1
      }
    }
    return (records, unreadable)
  }

  /// A run's starts are kept whatever their step; of the rest, what stands at or before `step`.
  private static func isKept(_ line: String, from step: Int) -> Bool {
    guard let record = try? JSONValue(parsing: line), let event = record["event"]?.string else { return false }
    if event == "run" { return true }
    guard let at = record["step"]?.integer else { return false }
    return at <= step && step > 0
  }

  private static func lines(of path: String) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw FileStatus.exists(path)
        ? StorageError(.failed, path, "cannot be read") : StorageError(.missing, path, "there is no such loss log")
    }
    return data.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func endsWithNewline(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    guard let size = try? file.seekToEnd(), size > 0 else { return true }
    try? file.seek(toOffset: size - 1)
    return (try? file.readToEnd())?.last == UInt8(ascii: "\n")
  }
}
