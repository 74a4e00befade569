import JSON
import Storage

/// Writes the loss log: one JSON object per line, each written immediately (not fsynced).
///
/// If the disk is full, records are kept in memory and written first as soon as there is space.
public final class LossLog {
  public var path: String { file.path }
  private let file: AppendingFile

  /// Opens the log to continue after `step`. Drops later records but keeps every `run` record.
  ///
  /// - Parameter awaitsValidation: whether the checkpoint was saved before the step's validation; its records are then
  ///   dropped too.
  /// - Throws: `StorageError`.
  public init(_ path: String, continuingFrom step: Int, awaitsValidation: Bool = false) throws {
    if try FileStatus.exists(path) { try LossLog.cut(path, after: step, awaitsValidation: awaitsValidation) }
    file = try AppendingFile(path)
  }

  /// Appends one record: `event` first, then the fields in order.
  ///
  /// - Throws: `StorageError.failed` if it could not be written; the record is kept in memory.
  public func append(_ event: String, _ fields: JSONValue) throws {
    try file.append(LossLog.line(event, fields))
  }

  /// Flushes all records to the disk.
  ///
  /// - Throws: `StorageError.failed`.
  package func sync() throws { try file.sync() }

  /// Appends the record of a run's end, for a thread other than the one that writes the log.
  ///
  /// - Throws: `StorageError.failed`.
  package static func appendEnd(to path: String, step: Int, reason: String) throws {
    try AppendingFile(path).append(line("end", ["step": .integer(step), "reason": .string(reason)]))
  }

  private static func line(_ event: String, _ fields: JSONValue) -> [UInt8] {
    var record: JSONValue.Object = .init()
    record["event"] = .string(event)
    for field in fields.object?.fields ?? [] { record[field.name] = field.value }
    return Array((JSONValue.object(record).compact + "\n").utf8)
  }

  /// The records of the run's starts; empty if there is no log.
  ///
  /// - Throws: `StorageError.failed`.
  package static func starts(_ path: String) throws -> [JSONValue] {
    guard try FileStatus.exists(path) else { return [] }
    var reader = try LogReader(path)
    var starts: [JSONValue] = []
    try reader.forEachEntry { entry, _ in
      if case .other("run", let record) = entry { starts.append(record) }
    }
    return starts
  }

  /// Whether the log says last that the run ended normally at `step`.
  ///
  /// - Throws: `StorageError.failed`.
  package static func hasEnded(_ path: String, at step: Int) throws -> Bool {
    guard try FileStatus.exists(path) else { return false }
    var reader = try LogReader(path)
    var last: LogReader.Entry?
    try reader.forEachEntry { entry, _ in last = entry }
    guard case .other("end", let record) = last, reader.unfinished == nil else { return false }
    return record["step"]?.integer == step && ["finished", "stopped after"].contains(record["reason"]?.string)
  }

  /// Removes from a log all records after `step`, except the run's starts.
  private static func cut(_ path: String, after step: Int, awaitsValidation: Bool) throws {
    var reader = try LogReader(path)
    // Adjacent lines form one piece, so a log with nothing to cut is a single piece.
    var pieces: [Range<Int>] = []
    try reader.forEachEntry { entry, line in
      guard isKept(entry, after: step, awaitsValidation) else { return }
      if let last = pieces.last, last.upperBound == line.lowerBound {
        pieces[pieces.count - 1] = last.lowerBound..<line.upperBound + 1
      } else {
        pieces.append(line.lowerBound..<line.upperBound + 1)
      }
    }
    let file = try RandomAccessFile(path)
    let length = pieces.reduce(0) { $0 + $1.count }
    if length == file.size { return }
    var rest: [UInt8] = []
    // A complete last line that lacks only its newline is a record.
    if let entry = reader.unfinished, isKept(entry, after: step, awaitsValidation) {
      rest = try file.bytes(at: reader.position, count: file.size - reader.position) + [UInt8(ascii: "\n")]
    }
    try WholeFile.write(to: path) { temporary in
      let output = try AppendingFile(temporary)
      for piece in pieces {
        for start in stride(from: piece.lowerBound, to: piece.upperBound, by: 1 << 20) {
          try output.append(file.bytes(at: start, count: min(1 << 20, piece.upperBound - start)))
        }
      }
      try output.append(rest)
    }
  }

  private static func isKept(_ entry: LogReader.Entry, after step: Int, _ awaitsValidation: Bool) -> Bool {
    switch entry {
    case .step(let record): record.step <= step
    case .other("run", _): true
    case .other("validation", let record) where awaitsValidation, .other("task", let record) where awaitsValidation:
      record["step"]?.integer.map { $0 < step } ?? false
    // A run at step 0 starts over, so records of step 0, such as the end of an earlier attempt, are dropped.
    case .other(_, let record): step > 0 && record["step"]?.integer.map { $0 <= step } ?? false
    case .unreadable: false
    }
  }
}
