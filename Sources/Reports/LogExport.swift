import JSON
import RunFiles
import Storage
import TensorBoard

/// Exports a run's log for other programs.
public enum LogExport {
  /// Writes an event file with all scalars of a run to a folder, replacing an earlier export.
  ///
  /// A step's time is the time of the start before it plus the seconds of the steps since then.
  /// - Returns: the file's path, and the number of scalars in it.
  /// - Throws: `StorageError.failed`.
  public static func tensorBoard(_ run: RunLog, to folder: String) throws -> (path: String, scalars: Int) {
    try Folder.make(folder)
    try EventFile.removeAll(in: folder)
    let clock = LogClock(run)
    let file = try EventFile(in: folder, from: 0, wallTime: clock.start)
    var others = otherRecords(run)[...]
    var count = 0
    var pending: [(scalars: [(tag: String, value: Float)], step: Int, wallTime: Double)] = []
    func add(_ scalars: [(tag: String, value: Float)], step: Int) throws {
      if scalars.isEmpty { return }
      count += scalars.count
      pending.append((scalars, step, clock.time(of: step)))
      guard pending.count >= 1 << 12 else { return }
      try file.append(pending)
      pending.removeAll(keepingCapacity: true)
    }
    let tags = StepMetric.allCases.map { (field: $0, tag: LogScalars.tag($0.name)) }
    for record in run.steps {
      while let other = others.first, other.step < record.step {
        try add(LogScalars.of(other.event, other.json), step: other.step)
        others.removeFirst()
      }
      try add(
        tags.compactMap { record[$0.field].isNaN ? nil : ($0.tag, Float(record[$0.field])) }, step: record.step)
    }
    for other in others { try add(LogScalars.of(other.event, other.json), step: other.step) }
    try file.append(pending)
    return (file.path, count)
  }

  /// The validation, benchmark and skipped-step records, ordered by step.
  static func otherRecords(_ run: RunLog) -> [(event: String, step: Int, json: JSONValue)] {
    let validations = run.validations.map { validation -> (event: String, step: Int, json: JSONValue) in
      ("validation", validation.step, ["set": .string(validation.set), "loss": .number(validation.loss)])
    }
    let others = [("task", run.tasks), ("skipped", run.skipped)].flatMap { event, records in
      records.compactMap { record in record["step"]?.integer.map { (event: event, step: $0, json: record) } }
    }
    let all = (validations + others).enumerated()
    return all.sorted { ($0.element.step, $0.offset) < ($1.element.step, $1.offset) }.map(\.element)
  }
}
