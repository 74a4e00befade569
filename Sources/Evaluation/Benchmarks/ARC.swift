import JSON

/// ARC (Clark et al., arXiv 1803.05457) and CommonsenseQA (Talmor et al., arXiv 1811.00937), which share a file format:
/// a question, choices with labels, and the right choice's label.
///
/// As first distributed, `{"question": {"stem": …, "choices": […]}, "answerKey": …}`, or flat as in later copies, whose
/// choices are a list of objects or an object of lists.
struct ARC: Benchmark {
  let name = "arc"
  let summary = "ARC or CommonsenseQA (question, answerKey)"
  let fileNames = ["arc_challenge", "arc_easy", "commonsenseqa"]

  func recognizes(_ line: TaskLine) -> Bool {
    line.has("question", "answerKey") || line.json["question"]?["stem"] != nil
      || line.has("question", "choices") && line.json["choices"]?.array?.first?.string == nil
  }

  func taskName(_ file: TaskFileName, first: TaskLine) -> String {
    if let benchmark = file.benchmark { return benchmark }
    let isCommonsenseQA = first.has("question_concept") || first.json["question"]?["question_concept"] != nil
    return isCommonsenseQA ? "commonsenseqa" : name
  }

  func item(_ line: TaskLine) throws -> TaskItem {
    let nested = line.json["question"]?.object != nil
    let inner = nested ? TaskLine(line.json["question"] ?? .null, place: line.place) : line
    let question = try inner.string(nested ? "stem" : "question")
    let (labels, texts) = try ARC.choices(inner)
    if line.json["answerKey"] ?? "" == "" { throw line.noLabel("answerKey") }
    let key = try line.string("answerKey")
    guard let label = labels.firstIndex(of: key) ?? ARC.index(of: key, among: labels) else {
      throw line.error(
        "\"answerKey\" is \(key): expected one of the choices' labels, \(labels.joined(separator: ", "))")
    }
    let prompt = "Question: \(question)\nAnswer:"
    return try line.item(texts.map { TaskRequest(context: prompt, continuation: " " + $0) }, label: label)
  }

  private static func choices(_ line: TaskLine) throws -> (labels: [String], texts: [String]) {
    if line.json["choices"]?.object != nil {
      let lists = TaskLine(line.json["choices"] ?? .null, place: line.place)
      let (labels, texts) = (try lists.strings("label"), try lists.strings("text"))
      guard labels.count == texts.count else {
        throw line.error("has \(labels.count) labels for \(texts.count) choices: expected one label per choice")
      }
      return (labels, texts)
    }
    guard let list = line.json["choices"]?.array, list.count >= 2 else {
      throw line.error("has no \"choices\": expected a list of two or more objects with \"label\" and \"text\"")
    }
    let choices = list.map { TaskLine($0, place: line.place) }
    return (try choices.map { try $0.string("label") }, try choices.map { try $0.string("text") })
  }

  /// Some items label their choices with numbers and the answer with a letter, or the reverse.
  private static func index(of key: String, among labels: [String]) -> Int? {
    guard let scalar = key.unicodeScalars.first, key.unicodeScalars.count == 1 else { return nil }
    let first: Unicode.Scalar = ("0"..."9").contains(scalar) ? "1" : "A"
    let index = Int(scalar.value) - Int(first.value)
    return labels.indices.contains(index) ? index : nil
  }
}
