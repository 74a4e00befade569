/// LAMBADA (Paperno et al., arXiv 1606.06031): the last word of a passage, which starts at the last space.
struct LAMBADA: Benchmark {
  let name = "lambada"
  let summary = "LAMBADA (text)"
  let measure = EvaluationTask.Measure.lastWord

  func recognizes(_ line: TaskLine) -> Bool { line.has("text") }

  func item(_ line: TaskLine) throws -> TaskItem {
    let text = try line.string("text").unicodeScalars
    guard let space = text.lastIndex(of: " "), space != text.startIndex else {
      throw line.error("\"text\" is a single word: expected two or more words, of which the last is predicted")
    }
    return try line.item(
      [TaskRequest(context: String(text[..<space]), continuation: String(text[space...]))], label: 0)
  }
}
