import Storage

/// The contents of one benchmark file.
struct TaskFile {
  enum Contents {
    case items([TaskItem])
    /// Questions whose prompts may contain examples from other files.
    case questions([any FewShotQuestion])

    var isEmpty: Bool {
      switch self {
      case .items(let items): items.isEmpty
      case .questions(let questions): questions.isEmpty
      }
    }
  }

  let path: String
  let benchmark: any Benchmark
  let contents: Contents
  /// The name of the file's task, if no other file's task has it.
  let taskName: String

  /// - Throws: `StorageError`; ``EvaluationError`` with the line if no benchmark has such files or a line is wrong.
  init(_ path: String) throws {
    self.path = path
    let file = try TextFile(path)
    if path.hasSuffix(".csv") {
      let records = try CSVText.records(file.bytes, file: path)
      (benchmark, contents) = try TaskFile.table(records, path)
      taskName = benchmark.name
    } else {
      let lines = try file.lines.filter { !$0.isBlank }.map { try TaskLine($0.bytes, file: path, number: $0.number) }
      guard let first = lines.first else { throw TaskFile.empty(path) }
      benchmark = try Benchmarks.recognizing(first)
      contents = try benchmark.contents(of: lines, path: path)
      taskName = benchmark.taskName(TaskFileName(path), first: first)
    }
    if contents.isEmpty { throw TaskFile.empty(path) }
  }

  private static func table(_ records: [CSVText.Record], _ path: String) throws -> (any Benchmark, Contents) {
    for benchmark in Benchmarks.all {
      if let contents = try benchmark.contents(ofTable: records, path: path) { return (benchmark, contents) }
    }
    throw EvaluationError(.badData, "\(path): no benchmark has CSV files: expected JSON lines")
  }

  private static func empty(_ path: String) -> EvaluationError {
    EvaluationError(.badData, "\(path): holds no item: expected one JSON object per line")
  }
}
