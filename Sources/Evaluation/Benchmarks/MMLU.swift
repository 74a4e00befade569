import JSON

/// MMLU (Hendrycks et al., arXiv 2009.03300): questions of many subjects, as JSON lines or as the original CSV files.
///
/// Each set of questions becomes two tasks. In `mmlu`, the model predicts the right choice's letter after solved
/// examples; in `mmlu_text`, the right choice's text without examples, as for ARC.
struct MMLU: Benchmark {
  let name = "mmlu"
  let summary = "MMLU (question, choices, answer)"

  func recognizes(_ line: TaskLine) -> Bool { line.has("question", "choices") }

  func item(_ line: TaskLine) throws -> TaskItem { try MMLUQuestion(line, subject: "").textItem() }

  func contents(of lines: [TaskLine], path: String) throws -> TaskFile.Contents {
    let subject = TaskFileName(path).base
    return .questions(try lines.map { try MMLUQuestion($0, subject: subject) })
  }

  func contents(ofTable records: [CSVText.Record], path: String) throws -> TaskFile.Contents? {
    let subject = TaskFileName(path).base
    return .questions(
      try records.map {
        try MMLUQuestion(record: $0.fields, subject: subject, place: "\(path), line \($0.line)")
      })
  }
}

/// A question of MMLU: choices with letters, and a subject.
struct MMLUQuestion: FewShotQuestion {
  /// `abstract_algebra`.
  let subject: String
  let question: String
  let choices: [String]
  /// The index of the right choice.
  let answer: Int
  let place: String

  private static let letters = (0..<26).map { String(UnicodeScalar(UInt8(ascii: "A") + UInt8($0))) }

  /// - Parameter subject: used if the line contains no subject.
  init(_ line: TaskLine, subject: String) throws {
    question = try line.string("question")
    choices = try line.strings("choices")
    guard choices.count <= MMLUQuestion.letters.count else {
      throw line.error("has \(choices.count) choices: expected at most \(MMLUQuestion.letters.count)")
    }
    if let letter = line.json["answer"]?.string, let index = MMLUQuestion.letters.firstIndex(of: letter),
      index < choices.count
    {
      answer = index
    } else {
      answer = try line.label("answer", of: choices.count)
    }
    self.subject = try line.has("subject") ? line.string("subject") : subject
    place = line.place
  }

  /// A record of the original files, `question,A,B,C,D,answer`.
  init(record: [String], subject: String, place: String) throws {
    guard record.count == 6, let answer = MMLUQuestion.letters[..<4].firstIndex(of: PythonText.stripped(record[5]))
    else {
      throw EvaluationError(
        .badData,
        "\(place): has \(record.count) columns\(record.count == 6 ? ", the last \(record[5].prefix(20))" : ""): expected "
          + "MMLU's six columns without a header: the question, four choices, and A, B, C or D")
    }
    self.subject = subject
    question = record[0]
    choices = Array(record[1...4])
    self.answer = answer
    self.place = place
  }

  /// The question and its choices, each after its letter.
  private var prompt: String {
    let lines = zip(MMLUQuestion.letters, choices).map { "\($0). \($1)\n" }
    return PythonText.stripped(question) + "\n" + lines.joined() + "Answer:"
  }

  var solved: String { "\(prompt) \(MMLUQuestion.letters[answer])\n\n" }

  /// Predicts the right choice's letter.
  func item(after examples: [String]) -> TaskItem {
    let about = subject.isEmpty ? "" : " about \(PythonText.replacing("_", by: " ", in: subject))"
    let header = "The following are multiple choice questions (with answers)\(about).\n\n"
    let context = header + examples.joined() + prompt
    let requests = choices.indices.map {
      TaskRequest(context: context, continuation: " " + MMLUQuestion.letters[$0])
    }
    return TaskItem(requests: requests, label: answer, place: place)
  }

  /// Predicts the right choice's text, as for ARC.
  func textItem() throws -> TaskItem {
    let context = "Question: \(PythonText.stripped(question))\nAnswer:"
    return try TaskLine(.null, place: place)
      .item(choices.map { TaskRequest(context: context, continuation: " " + $0) }, label: answer)
  }
}
