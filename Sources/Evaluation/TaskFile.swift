import JSON
import Storage

/// A file of items, read and known for what it is.
struct TaskFile {
  let path: String
  let format: TaskFormat
  /// Its items, or, of MMLU's files, its questions.
  let items: [TaskItem]
  let questions: [MMLUQuestion]
  /// What `question_concept` and the like say of the benchmark.
  let defaultName: String

  /// - Throws: `StorageError`; ``EvaluationError`` where it is of no known format, with the line.
  init(_ path: String) throws {
    self.path = path
    let file = try TextFile(path)
    if path.hasSuffix(".csv") {
      let subject = TaskName(path).base
      questions = try CSVText.records(file.bytes, file: path).map {
        try MMLUQuestion(record: $0.fields, subject: subject, place: "\(path), line \($0.line)")
      }
      (format, items, defaultName) = (.mmlu, [], "mmlu")
    } else {
      let lines = try file.lines.filter { !$0.isBlank }.map { try TaskLine($0.bytes, file: path, number: $0.number) }
      guard let first = lines.first else { throw TaskFile.empty(path) }
      let format = try TaskFormat(first)
      let labels = format == .piqa && first.json["label"] == nil ? try TaskFile.labels(beside: path, lines.count) : nil
      if format == .mmlu {
        let subject = TaskName(path).base
        questions = try lines.map { try MMLUQuestion($0, subject: subject) }
        items = []
      } else {
        questions = []
        items = try lines.enumerated().map { index, line in
          do {
            return try format.item(line, label: labels?[index])
          } catch let error as EvaluationError where error.kind == .noLabels && index > 0 {
            // The others have theirs.
            throw EvaluationError(.badData, error.description)
          }
        }
      }
      defaultName = format.defaultName(first)
      self.format = format
    }
    if items.isEmpty && questions.isEmpty { throw TaskFile.empty(path) }
  }

  private static func empty(_ path: String) -> EvaluationError {
    EvaluationError(.badData, "\(path): holds no item: expected one JSON object a line")
  }

  /// PIQA's labels come in a file of their own, `valid-labels.lst` beside `valid.jsonl`, a number a line.
  private static func labels(beside path: String, _ count: Int) throws -> [JSONValue] {
    let file = (path.hasSuffix(".jsonl") ? String(path.dropLast(6)) : path) + "-labels.lst"
    guard try FileStatus.exists(file) else {
      throw EvaluationError(
        .noLabels,
        "\(path), line 1: has no \"label\", and there is no \(file) beside it: without labels there is no "
          + "accuracy")
    }
    let labels = try TextFile(file).text.split(whereSeparator: \.isWhitespace)
    guard labels.count == count else {
      throw EvaluationError(.badData, "\(file): \(labels.count) labels, \(path) has \(count) items: expected as many")
    }
    return labels.map { .string(String($0)) }
  }
}

/// What a file's name says.
struct TaskName {
  /// Small letters and underscores: `hellaswag_validation`.
  let stem: String
  /// Without the words for a split: `hellaswag`; empty where there is nothing else.
  let base: String
  /// The first of these words, as `dev` or `test`.
  let split: String?

  private static let splits: Set = [
    "train", "valid", "validation", "val", "dev", "test", "tests", "fewshot", "rand", "split",
  ]
  private static let known = [
    "hellaswag", "arc_challenge", "arc_easy", "piqa", "winogrande", "mmlu", "commonsenseqa", "lambada",
  ]

  init(_ path: String) {
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    let name = [".jsonl", ".csv", ".json"].first { file.hasSuffix($0) }.map { String(file.dropLast($0.count)) } ?? file
    stem = name.lowercased().replacing("-", with: "_")
    let words = stem.split(separator: "_").map(String.init)
    let end = words.lastIndex { !TaskName.splits.contains($0) }.map { $0 + 1 } ?? 0
    base = words[..<end].joined(separator: "_")
    split = words[end...].first
  }

  /// The benchmark's name; nil where the file's name is only a split's.
  var benchmark: String? {
    TaskName.known.first { base == $0 || base.hasPrefix($0 + "_") } ?? (base.isEmpty ? nil : base)
  }
}
