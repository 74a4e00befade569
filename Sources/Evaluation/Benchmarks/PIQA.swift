import JSON
import Storage

/// PIQA (Bisk et al., arXiv 1911.11641): the better of two ways to reach a goal.
struct PIQA: Benchmark {
  let name = "piqa"
  let summary = "PIQA (goal, sol1, sol2)"

  func recognizes(_ line: TaskLine) -> Bool { line.has("goal", "sol1", "sol2") }

  func item(_ line: TaskLine) throws -> TaskItem { try item(line, labelled: line) }

  func contents(of lines: [TaskLine], path: String) throws -> TaskFile.Contents {
    if let first = lines.first, first.has("label") { return .items(try lines.items { try item($1) }) }
    let labels = try PIQA.labels(path, lines.count)
    return .items(
      try lines.items { index, line in
        try item(line, labelled: TaskLine(["label": labels[index]], place: line.place))
      })
  }

  private func item(_ line: TaskLine, labelled: TaskLine) throws -> TaskItem {
    let prompt = "Goal: \(try line.string("goal"))\nAnswer:"
    let requests = try ["sol1", "sol2"].map {
      TaskRequest(context: prompt, continuation: " " + (try line.string($0)))
    }
    return try line.item(requests, label: try labelled.label("label", of: 2))
  }

  /// The labels of `valid.jsonl`, which PIQA's authors distribute in `valid-labels.lst`, one number per line.
  private static func labels(_ path: String, _ count: Int) throws -> [JSONValue] {
    let file = (path.hasSuffix(".jsonl") ? String(path.dropLast(6)) : path) + "-labels.lst"
    guard try FileStatus.exists(file) else {
      throw EvaluationError(
        .noLabels,
        "\(path), line 1: has no \"label\", and there is no \(file): the accuracy cannot be computed without labels")
    }
    let labels = try TextFile(file).text.split(whereSeparator: \.isWhitespace)
    guard labels.count == count else {
      throw EvaluationError(
        .badData, "\(file): has \(labels.count) labels for the \(count) items of \(path): expected one label per item")
    }
    return labels.map { .string(String($0)) }
  }
}
