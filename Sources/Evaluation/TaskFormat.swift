import JSON

/// What a file of items is, known by its first item's fields.
enum TaskFormat: String, CaseIterable {
  case requests
  case hellaswag
  case piqa
  case winogrande
  /// ARC's and CommonsenseQA's.
  case question
  case mmlu
  case lambada

  /// - Throws: ``EvaluationError`` where no format has such fields.
  init(_ line: TaskLine) throws {
    let json = line.json
    func has(_ names: String...) -> Bool { names.allSatisfy { json[$0] != nil } }
    if has("requests") {
      self = .requests
    } else if has("endings") {
      self = .hellaswag
    } else if has("goal", "sol1", "sol2") {
      self = .piqa
    } else if has("sentence", "option1", "option2") {
      self = .winogrande
    } else if has("question", "answerKey") || json["question"]?["stem"] != nil {
      self = .question
    } else if has("question", "choices") {
      self = json["choices"]?.array?.first?.string == nil ? .question : .mmlu
    } else if has("text") {
      self = .lambada
    } else {
      let names = json.object?.fields.prefix(8).map(\.name).joined(separator: ", ") ?? ""
      throw line.error(
        "is of no known format, with the fields \(names.isEmpty ? "none" : names): expected those of HellaSwag "
          + "(endings), PIQA (goal, sol1, sol2), WinoGrande (sentence, option1, option2), ARC or CommonsenseQA "
          + "(question, answerKey), MMLU (question, choices, answer), LAMBADA (text), or label and requests")
    }
  }

  /// The benchmark's name where the file's says nothing.
  func defaultName(_ first: TaskLine) -> String {
    switch self {
    case .question:
      first.json["question_concept"] != nil || first.json["question"]?["question_concept"] != nil
        ? "commonsenseqa" : "arc"
    default: rawValue
    }
  }

  /// What the model is asked of one line.
  ///
  /// Prompts are those of the OLMo evaluations (`rc`, no examples), which are lm-evaluation-harness's but for PIQA's
  /// first word and HellaSwag's full stops.
  /// - Parameter label: of a file of its own, in place of the line's.
  func item(_ line: TaskLine, label: JSONValue? = nil) throws -> TaskItem {
    switch self {
    case .requests: try TaskFormat.requests(line)
    case .hellaswag: try TaskFormat.hellaswag(line)
    case .piqa: try TaskFormat.piqa(line, label: label)
    case .winogrande: try TaskFormat.winogrande(line)
    case .question: try TaskFormat.question(line)
    case .mmlu: try MMLUQuestion(line, subject: nil).textItem(line)
    case .lambada: try TaskFormat.lambada(line)
    }
  }

  /// What to ask is in the file: `{"label": 0, "requests": [{"context": …, "continuation": …}, …]}`.
  private static func requests(_ line: TaskLine) throws -> TaskItem {
    guard let list = line.json["requests"]?.array, !list.isEmpty else {
      throw line.error("\"requests\" is no list of objects with \"context\" and \"continuation\"")
    }
    let requests = try list.map { json in
      let request = TaskLine(json, place: line.place)
      return TaskRequest(context: try request.string("context"), continuation: try request.string("continuation"))
    }
    return try line.item(requests, label: try line.label("label", of: requests.count))
  }

  private static func hellaswag(_ line: TaskLine) throws -> TaskItem {
    let endings = try line.strings("endings")
    let context: String
    if line.json["ctx_a"] != nil {
      context = try line.string("ctx_a") + " " + PythonText.capitalized(try line.string("ctx_b"))
    } else {
      context = try line.string("ctx")
    }
    let prompt = wikiHow("\(try line.string("activity_label")): \(context)")
    return try line.item(
      endings.map { TaskRequest(context: prompt, continuation: " " + wikiHow($0)) },
      label: try line.label("label", of: endings.count))
  }

  /// HellaSwag's texts without what WikiHow's pages have left in them: titles end a sentence, other brackets go.
  private static func wikiHow(_ text: String) -> String {
    var text = PythonText.stripped(text)
    text = PythonText.replacing(". [title]", by: ". ", in: text)
    text = PythonText.replacing(" [title]", by: ". ", in: text)
    let scalars = Array(text.unicodeScalars)
    var kept: [Unicode.Scalar] = []
    var index = 0
    while index < scalars.count {
      // A bracket that its line does not close stays.
      if scalars[index] == "[", let end = scalars[index...].firstIndex(where: { $0 == "]" || $0 == "\n" }),
        scalars[end] == "]"
      {
        index = end + 1
      } else {
        kept.append(scalars[index])
        index += 1
      }
    }
    return PythonText.replacing("  ", by: " ", in: PythonText.string(kept))
  }

  private static func piqa(_ line: TaskLine, label: JSONValue?) throws -> TaskItem {
    let prompt = "Goal: \(try line.string("goal"))\nAnswer:"
    let requests = try ["sol1", "sol2"].map {
      TaskRequest(context: prompt, continuation: " " + (try line.string($0)))
    }
    let labelled = label.map { TaskLine(["label": $0], place: line.place) } ?? line
    return try line.item(requests, label: try labelled.label("label", of: 2))
  }

  /// What follows the blank is asked for behind each option (partial scoring, Trinh and Le, arXiv 1806.02847).
  private static func winogrande(_ line: TaskLine) throws -> TaskItem {
    let parts = try line.string("sentence").split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw line.error("\"sentence\" has no blank, \"_\"") }
    let rest = " " + PythonText.stripped(String(parts[1]))
    let requests = try ["option1", "option2"].map {
      TaskRequest(context: parts[0] + (try line.string($0)), continuation: rest)
    }
    return try line.item(requests, label: try line.label("answer", of: 2, countedFrom: 1))
  }

  /// The last word, split off at the last space.
  private static func lambada(_ line: TaskLine) throws -> TaskItem {
    let text = try line.string("text").unicodeScalars
    guard let space = text.lastIndex(of: " "), space != text.startIndex else {
      throw line.error("\"text\" is one word: expected a text whose last word is asked for")
    }
    return try line.item(
      [TaskRequest(context: String(text[..<space]), continuation: String(text[space...]))], label: 0)
  }
}
