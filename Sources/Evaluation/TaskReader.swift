import Storage

/// Reads benchmarks from files and folders.
public enum TaskReader {
  /// Examples before each question if the benchmark has example files.
  public static let defaultShots = 5

  /// The tasks of files, and of the `.jsonl` and `.csv` files in folders.
  ///
  /// A task is named after its file without the words for a split. If two files would have the same name, each keeps its
  /// full name. Questions in `dev` files of a few-shot benchmark (MMLU) are the examples for its other files.
  /// - Parameters:
  ///   - names: the tasks to return; empty for all.
  ///   - limit: items per task, from its beginning; nil for all.
  ///   - shots: examples before each question; nil for ``defaultShots`` if there are example files, else none.
  ///   - warn: called with a message for each file in a folder that is skipped because its items have no labels.
  /// - Throws: `StorageError`, `.missing` if a path does not exist; ``EvaluationError``.
  public static func tasks(
    _ paths: [String], named names: [String] = [], limit: Int? = nil, shots: Int? = nil,
    warn: (String) -> Void = { _ in }
  ) throws -> [EvaluationTask] {
    var files: [TaskFile] = []
    var unlabelled: [EvaluationError] = []
    for path in paths { files += try self.files(of: path, skipping: { unlabelled.append($0) }) }
    if files.isEmpty, let error = unlabelled.first { throw error }
    for error in unlabelled { warn("\(error); this file is skipped") }
    let tasks = itemTasks(files) + (try fewShotTasks(files, shots: shots))
    for (index, task) in tasks.enumerated() where tasks[..<index].contains(where: { $0.name == task.name }) {
      throw EvaluationError(.usage, "two benchmarks are named \(task.name): rename one of their files")
    }
    if let unknown = names.first(where: { name in !tasks.contains { $0.name == name } }) {
      let known = tasks.map(\.name).joined(separator: ", ")
      throw EvaluationError(
        .usage, "there is no benchmark \(unknown) in \(paths.joined(separator: ", ")): expected one of \(known)")
    }
    return tasks.filter { names.isEmpty || names.contains($0.name) }.map { $0.prefix(limit) }
      .sorted { $0.name < $1.name }
  }

  private static func files(of path: String, skipping: (EvaluationError) -> Void) throws -> [TaskFile] {
    guard try FileStatus(path).isFolder else { return [try TaskFile(path)] }
    func list(_ folder: String, _ suffixes: [String]) throws -> [String] {
      try Folder.namesIfPresent(in: folder).filter { name in
        !name.hasPrefix(".") && suffixes.contains { name.hasSuffix($0) }
      }
      .map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
    }
    let lines = try list(path, [".jsonl"])
    // ARC's archive has every split in both formats; MMLU's has a folder for each split.
    let tables = try list(path, [".csv"]).filter { !lines.contains($0.dropLast(4) + ".jsonl") }
    let files = try lines + tables + ["dev", "test"].flatMap { try list("\(path)/\($0)", [".csv"]) }
    if files.isEmpty {
      throw EvaluationError(.badData, "\(path): holds no benchmark file: expected .jsonl, or MMLU's .csv")
    }
    return try files.compactMap { file in
      do {
        return try TaskFile(file)
      } catch let error as EvaluationError where error.kind == .noLabels {
        skipping(error)
        return nil
      }
    }
  }

  /// One task per file.
  private static func itemTasks(_ files: [TaskFile]) -> [EvaluationTask] {
    let files = files.compactMap { file -> (file: TaskFile, items: [TaskItem])? in
      if case .items(let items) = file.contents { (file, items) } else { nil }
    }
    return files.map { file, items in
      let isAlone = files.count { $0.file.taskName == file.taskName } == 1
      return EvaluationTask(
        name: isAlone ? file.taskName : TaskFileName(file.path).stem, measure: file.benchmark.measure, items: items)
    }
  }

  /// The tasks of all files of each few-shot benchmark.
  private static func fewShotTasks(_ files: [TaskFile], shots: Int?) throws -> [EvaluationTask] {
    try Benchmarks.all.flatMap { benchmark in
      let own = files.compactMap { file -> (path: String, questions: [any FewShotQuestion])? in
        guard file.benchmark.name == benchmark.name, case .questions(let questions) = file.contents else { return nil }
        return (file.path, questions)
      }
      return try FewShotFiles(benchmark.name, own).tasks(shots: shots)
    }
  }
}
