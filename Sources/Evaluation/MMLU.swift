import JSON

/// A question of MMLU (Hendrycks et al., arXiv 2009.03300): choices under letters, and a subject.
struct MMLUQuestion {
  /// `abstract_algebra`.
  let subject: String
  let question: String
  let choices: [String]
  let answer: Int
  let place: String

  private static let letters = (0..<26).map { String(UnicodeScalar(UInt8(ascii: "A") + UInt8($0))) }

  /// - Parameter subject: where the line says none.
  init(_ line: TaskLine, subject: String?) throws {
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
    self.subject = try line.json["subject"] == nil ? subject ?? "" : line.string("subject")
    place = line.place
  }

  /// A record of the original files, `question,A,B,C,D,answer`.
  init(record: [String], subject: String, place: String) throws {
    guard record.count == 6, let answer = MMLUQuestion.letters[..<4].firstIndex(of: PythonText.stripped(record[5]))
    else {
      throw EvaluationError(
        .badData,
        "\(place): \(record.count) columns\(record.count == 6 ? ", the last \(record[5].prefix(20))" : ""): expected "
          + "MMLU's six, without a header: the question, four choices, and A, B, C or D")
    }
    self.subject = subject
    question = record[0]
    choices = Array(record[1...4])
    self.answer = answer
    self.place = place
  }

  /// The question with its choices under letters.
  private var prompt: String {
    let lines = zip(MMLUQuestion.letters, choices).map { "\($0). \($1)\n" }
    return PythonText.stripped(question) + "\n" + lines.joined() + "Answer:"
  }

  /// The letter of the right choice is asked for, behind examples with their answers.
  func letterItem(_ examples: [MMLUQuestion]) throws -> TaskItem {
    let about = subject.isEmpty ? "" : " about \(PythonText.replacing("_", by: " ", in: subject))"
    var context = "The following are multiple choice questions (with answers)\(about).\n\n"
    for example in examples { context += "\(example.prompt) \(MMLUQuestion.letters[example.answer])\n\n" }
    context += prompt
    let requests = choices.indices.map {
      TaskRequest(context: context, continuation: " " + MMLUQuestion.letters[$0])
    }
    return TaskItem(requests: requests, label: answer, place: place)
  }

  /// The right choice's text is asked for, as of ARC's questions.
  func textItem() throws -> TaskItem {
    try textItem(TaskLine(.null, place: place))
  }

  func textItem(_ line: TaskLine) throws -> TaskItem {
    let context = "Question: \(PythonText.stripped(question))\nAnswer:"
    return try line.item(choices.map { TaskRequest(context: context, continuation: " " + $0) }, label: answer)
  }
}
