/// A question whose prompt starts with solved examples of the same subject.
///
/// The examples are the questions of the benchmark's `dev` file.
protocol FewShotQuestion: Sendable {
  var subject: String { get }
  /// The file and the line, for error messages.
  var place: String { get }
  /// The prompt and the answer, as an example in the prompts of other questions.
  var solved: String { get }

  /// The item with examples in its prompt.
  ///
  /// - Parameter examples: ``solved`` of each example.
  func item(after examples: [String]) throws -> TaskItem

  /// The item whose continuations are the choices' texts, without examples.
  ///
  /// - Throws: ``EvaluationError`` if a choice is empty.
  func textItem() throws -> TaskItem
}

/// The files of one benchmark with few-shot prompts: sets of questions, and examples for each subject.
struct FewShotFiles {
  private let sets: [(name: String, questions: [any FewShotQuestion])]
  /// Solved examples by subject.
  private let examples: [String: [String]]

  /// - Parameters:
  ///   - benchmark: the benchmark's name.
  ///   - files: each file's path and questions.
  init(_ benchmark: String, _ files: [(path: String, questions: [any FewShotQuestion])]) {
    let isExample = files.map { TaskFileName($0.path).split == "dev" }
    // If there are only example files, their questions are evaluated.
    let hasExamples = isExample.contains(true) && isExample.contains(false)
    var sets: [(base: String, split: String, questions: [any FewShotQuestion])] = []
    var examples: [String: [String]] = [:]
    for (file, isExample) in zip(files, isExample) {
      if hasExamples && isExample {
        for question in file.questions { examples[question.subject, default: []].append(question.solved) }
        continue
      }
      let name = TaskFileName(file.path)
      // Each CSV file holds one subject, so all files of a split form one set.
      let base = file.path.hasSuffix(".csv") ? benchmark : name.benchmark ?? benchmark
      let split = name.split ?? "test"
      if let index = sets.firstIndex(where: { $0.base == base && $0.split == split }) {
        sets[index].questions += file.questions
      } else {
        sets.append((base, split, file.questions))
      }
    }
    self.sets = sets.map { set in
      let isAlone = sets.count { $0.base == set.base } == 1
      return (isAlone || set.split == "test" ? set.base : "\(set.base)_\(set.split)", set.questions)
    }
    self.examples = examples
  }

  /// Two tasks for each set: `NAME` with examples, and `NAME_text` without.
  ///
  /// - Parameter shots: examples per question; nil for ``TaskReader/defaultShots`` if there are examples, else none.
  /// - Throws: ``EvaluationError``.
  func tasks(shots: Int?) throws -> [EvaluationTask] {
    let count = shots ?? (examples.isEmpty ? 0 : TaskReader.defaultShots)
    return try sets.flatMap { name, questions in
      let items = try questions.map { question in
        let own = examples[question.subject] ?? []
        guard own.count >= count else {
          throw EvaluationError(
            .usage,
            "--shots \(count): there are \(own.count) examples of \(question.subject) (\(question.place)): use "
              + "--shots \(own.count), or put the benchmark's dev files into the same folder")
        }
        return try question.item(after: Array(own.prefix(count)))
      }
      return [
        EvaluationTask(name: name, items: items),
        EvaluationTask(name: "\(name)_text", items: try questions.map { try $0.textItem() }),
      ]
    }
  }
}
