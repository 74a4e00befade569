import JSON
import RunFiles
import Storage

/// The records of a log in the order of the file. New records can be read when the file has grown.
public struct LogRecords: Sendable {
  /// A record of an event other than a step.
  struct Other: Sendable {
    let event: String
    let json: JSONValue
    /// The number of step records before it.
    let index: Int

    var step: Int? { json["step"]?.integer }
  }

  /// The log's path.
  public let path: String
  private(set) var steps: [StepRecord] = []
  private(set) var others: [Other] = []
  /// The number of unreadable lines, and the step before the first of them.
  private(set) var unreadable: (count: Int, after: Int?) = (0, nil)
  /// The counts before an unfinished last line, which is read again when the log has grown.
  private var whole: (steps: Int, others: Int, unreadable: (count: Int, after: Int?)) = (0, 0, (0, nil))
  private var position = 0
  private var file: FileStatus?

  /// - Parameter path: a run's folder, or its log.
  /// - Throws: `StorageError`.
  public init(path given: String) throws {
    path = (try? FileStatus(given))?.isFolder == true ? RunFolder(given).log : given
    try read(follows: false)
  }

  /// Reads the records that were added since the last call. If the log was replaced or truncated, as happens when a run
  /// resumes, reads the whole file.
  ///
  /// - Returns: whether the log has changed.
  /// - Throws: `StorageError`.
  public mutating func readNew() throws -> Bool {
    let now = try FileStatus(path)
    let isSame = file.map { $0.device == now.device && $0.file == now.file && now.size >= position } ?? false
    if isSame && now.size == file?.size { return false }
    if isSame {
      steps.removeSubrange(whole.steps...)
      others.removeSubrange(whole.others...)
      unreadable = whole.unreadable
    } else {
      (steps, others, unreadable, position) = ([], [], (0, nil), 0)
    }
    try read(follows: true)
    return true
  }

  /// - Parameter follows: skip a last line without a newline, which is still being written.
  private mutating func read(follows: Bool) throws {
    // Taken before reading, so that lines written in the meantime count as new next time.
    let status = try? FileStatus(path)
    var reader = try LogReader(path, from: position)
    try reader.forEachEntry { entry, place in
      if steps.isEmpty, let status { steps.reserveCapacity(min(status.size / max(place.count, 1), 1 << 24)) }
      add(entry)
    }
    position = reader.position
    file = status
    whole = (steps.count, others.count, unreadable)
    if !follows, let entry = reader.unfinished { add(entry) }
  }

  private mutating func add(_ entry: LogReader.Entry) {
    switch entry {
    case .step(let record): steps.append(record)
    case .other(let event, let json): others.append(Other(event: event, json: json, index: steps.count))
    case .unreadable: unreadable = (unreadable.count + 1, unreadable.count == 0 ? steps.last?.step : unreadable.after)
    }
  }
}
