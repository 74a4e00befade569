/// One benchmark: how its files are recognized, and how a line becomes an item with its prompt.
///
/// To add a benchmark, write a type that conforms to this protocol and add it to ``Benchmarks/all``.
/// `docs/adding-a-benchmark.md` shows the steps.
///
/// Prompts are those of the OLMo evaluations (`rc`, no examples), which are lm-evaluation-harness's except for PIQA's
/// first word and HellaSwag's full stops.
protocol Benchmark: Sendable {
  /// The task's name if the file is named after a split only: `hellaswag`.
  var name: String { get }
  /// The benchmark and the fields of its lines, for the error message about unknown files: `HellaSwag (endings)`.
  var summary: String { get }
  /// Names by which a file's name is shortened: `hellaswag_val_2024.jsonl` holds the task `hellaswag`.
  var fileNames: [String] { get }
  /// How items are scored.
  var measure: EvaluationTask.Measure { get }

  /// Whether a file whose first line is `line` belongs to this benchmark.
  func recognizes(_ line: TaskLine) -> Bool

  /// The task's name.
  ///
  /// - Parameter first: the file's first line.
  func taskName(_ file: TaskFileName, first: TaskLine) -> String

  /// The item of one line.
  ///
  /// - Throws: ``EvaluationError`` with the line's place, `.noLabels` if the line does not say which choice is right.
  func item(_ line: TaskLine) throws -> TaskItem

  /// The contents of a file of JSON lines.
  ///
  /// - Parameter lines: one or more.
  /// - Throws: ``EvaluationError``, `StorageError`.
  func contents(of lines: [TaskLine], path: String) throws -> TaskFile.Contents

  /// The contents of a CSV file; nil if this benchmark has no CSV files.
  ///
  /// - Throws: ``EvaluationError`` with the record's place.
  func contents(ofTable records: [CSVText.Record], path: String) throws -> TaskFile.Contents?
}

extension Benchmark {
  var fileNames: [String] { [name] }
  var measure: EvaluationTask.Measure { .choice }

  func taskName(_ file: TaskFileName, first: TaskLine) -> String { file.benchmark ?? name }

  func contents(of lines: [TaskLine], path: String) throws -> TaskFile.Contents {
    .items(try lines.items { _, line in try item(line) })
  }

  func contents(ofTable records: [CSVText.Record], path: String) throws -> TaskFile.Contents? { nil }
}

extension [TaskLine] {
  /// The items of all lines.
  ///
  /// - Throws: ``EvaluationError``. If the first line has a label and a later one has none, the kind is `.badData`.
  func items(_ item: (_ index: Int, _ line: TaskLine) throws -> TaskItem) throws -> [TaskItem] {
    try enumerated().map { index, line in
      do {
        return try item(index, line)
      } catch let error as EvaluationError where error.kind == .noLabels && index > 0 {
        throw EvaluationError(.badData, error.description)
      }
    }
  }
}
