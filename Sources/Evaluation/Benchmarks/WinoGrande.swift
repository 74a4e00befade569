/// WinoGrande (Sakaguchi et al., arXiv 1907.10641): which of two options fills the blank.
///
/// Partial scoring (Trinh and Le, arXiv 1806.02847): both choices have the same continuation, the text after the blank;
/// their contexts differ in the option.
struct WinoGrande: Benchmark {
  let name = "winogrande"
  let summary = "WinoGrande (sentence, option1, option2)"

  func recognizes(_ line: TaskLine) -> Bool { line.has("sentence", "option1", "option2") }

  func item(_ line: TaskLine) throws -> TaskItem {
    let parts = try line.string("sentence").split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw line.error("\"sentence\" has no blank, \"_\"") }
    let rest = " " + PythonText.stripped(String(parts[1]))
    let requests = try ["option1", "option2"].map {
      TaskRequest(context: parts[0] + (try line.string($0)), continuation: rest)
    }
    return try line.item(requests, label: try line.label("answer", of: 2, countedFrom: 1))
  }
}
