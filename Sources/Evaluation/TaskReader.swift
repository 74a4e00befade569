import Storage

/// Reads benchmarks from files and folders.
public enum TaskReader {
  /// MMLU's examples before each question, where nobody says how many.
  public static let usualShots = 5

  /// The benchmarks of files, and of the `.jsonl` and `.csv` files of folders.
  ///
  /// A benchmark is named after its file, without the words for a split; where two files would have one name, each has
  /// all of its own. MMLU's `dev` questions are the examples of the others.
  /// - Parameters:
  ///   - names: the benchmarks that are wanted; empty for all.
  ///   - limit: items of each, from its beginning; nil for all.
  ///   - shots: MMLU's examples; nil for ``usualShots`` where there is a `dev` file, else none.
  ///   - warn: hears of a folder's files whose items have no labels, and which are passed over.
  /// - Throws: `StorageError`, `.missing` where there is no such path; ``EvaluationError``.
  public static func tasks(
    _ paths: [String], named names: [String] = [], limit: Int? = nil, shots: Int? = nil,
    warn: (String) -> Void = { _ in }
  ) throws -> [EvaluationTask] {
    var files: [TaskFile] = []
    var unlabelled: [EvaluationError] = []
    for path in paths { files += try self.files(of: path, passingOver: { unlabelled.append($0) }) }
    if files.isEmpty, let error = unlabelled.first { throw error }
    for error in unlabelled { warn("\(error); passed over") }
    var tasks = plainTasks(files.filter { $0.format != .mmlu })
    tasks += try MMLUFiles(files.filter { $0.format == .mmlu }).tasks(shots: shots)
    for (index, task) in tasks.enumerated() where tasks[..<index].contains(where: { $0.name == task.name }) {
      throw EvaluationError(.usage, "two benchmarks are named \(task.name): give one of their files another name")
    }
    if let unknown = names.first(where: { name in !tasks.contains { $0.name == name } }) {
      let known = tasks.map(\.name).joined(separator: ", ")
      throw EvaluationError(
        .usage, "there is no benchmark \(unknown) in \(paths.joined(separator: ", ")): it has \(known)")
    }
    return tasks.filter { names.isEmpty || names.contains($0.name) }.map { $0.prefix(limit) }
      .sorted { $0.name < $1.name }
  }

  private static func files(of path: String, passingOver: (EvaluationError) -> Void) throws -> [TaskFile] {
    guard try FileStatus(path).isFolder else { return [try TaskFile(path)] }
    func list(_ folder: String, _ suffixes: [String]) throws -> [String] {
      try Folder.namesIfPresent(in: folder).filter { name in
        !name.hasPrefix(".") && suffixes.contains { name.hasSuffix($0) }
      }
      .map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
    }
    let lines = try list(path, [".jsonl"])
    // ARC's archive has every split twice; MMLU's has a folder for each.
    let tables = try list(path, [".csv"]).filter { !lines.contains($0.dropLast(4) + ".jsonl") }
    let files = try lines + tables + ["dev", "test"].flatMap { try list("\(path)/\($0)", [".csv"]) }
    if files.isEmpty {
      throw EvaluationError(.badData, "\(path): holds no file of items: expected .jsonl, or MMLU's .csv")
    }
    return try files.compactMap { file in
      do {
        return try TaskFile(file)
      } catch let error as EvaluationError where error.kind == .noLabels {
        passingOver(error)
        return nil
      }
    }
  }

  /// Each file is a benchmark.
  private static func plainTasks(_ files: [TaskFile]) -> [EvaluationTask] {
    let names = files.map { file in
      let name = TaskName(file.path)
      return file.format == .requests ? name.stem : name.benchmark ?? file.defaultName
    }
    return zip(files, names).map { file, name in
      let isAlone = names.count { $0 == name } == 1
      return EvaluationTask(
        name: isAlone ? name : TaskName(file.path).stem, measure: file.format == .lambada ? .lastWord : .choice,
        items: file.items)
    }
  }
}

/// MMLU's files: questions of many subjects, and examples.
struct MMLUFiles {
  private let files: [(name: String, questions: [MMLUQuestion])]
  /// Each subject's.
  private let examples: [String: [MMLUQuestion]]

  init(_ files: [TaskFile]) {
    let isExample = files.map { TaskName($0.path).split == "dev" }
    // Examples alone are questions like any other.
    let hasExamples = isExample.contains(true) && isExample.contains(false)
    var sets: [(base: String, split: String, questions: [MMLUQuestion])] = []
    var examples: [String: [MMLUQuestion]] = [:]
    for (file, isExample) in zip(files, isExample) {
      if hasExamples && isExample {
        for question in file.questions { examples[question.subject, default: []].append(question) }
        continue
      }
      let name = TaskName(file.path)
      // The original files have one subject each: all of a split belong together.
      let base = file.path.hasSuffix(".csv") ? "mmlu" : name.benchmark ?? "mmlu"
      let split = name.split ?? "test"
      if let index = sets.firstIndex(where: { $0.base == base && $0.split == split }) {
        sets[index].questions += file.questions
      } else {
        sets.append((base, split, file.questions))
      }
    }
    self.files = sets.map { set in
      let isAlone = sets.count { $0.base == set.base } == 1
      return (isAlone || set.split == "test" ? set.base : "\(set.base)_\(set.split)", set.questions)
    }
    self.examples = examples
  }

  /// The letter form with examples, and the text form without.
  func tasks(shots: Int?) throws -> [EvaluationTask] {
    let count = shots ?? (examples.isEmpty ? 0 : TaskReader.usualShots)
    return try files.flatMap { name, questions in
      let letters = try questions.map { question in
        let own = examples[question.subject] ?? []
        guard own.count >= count else {
          throw EvaluationError(
            .usage,
            "--shots \(count): there are \(own.count) examples of \(question.subject) (\(question.place)): give "
              + "--shots \(own.count), or MMLU's dev files beside the questions")
        }
        return try question.letterItem(Array(own.prefix(count)))
      }
      return [
        EvaluationTask(name: name, items: letters),
        EvaluationTask(name: "\(name)_text", items: try questions.map { try $0.textItem() }),
      ]
    }
  }
}
