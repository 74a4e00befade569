/// HellaSwag (Zellers et al., arXiv 1905.07830): the likeliest of four endings of a description.
struct HellaSwag: Benchmark {
  let name = "hellaswag"
  let summary = "HellaSwag (endings)"

  func recognizes(_ line: TaskLine) -> Bool { line.has("endings") }

  func item(_ line: TaskLine) throws -> TaskItem {
    let endings = try line.strings("endings")
    let context: String
    if line.has("ctx_a") {
      context = try line.string("ctx_a") + " " + PythonText.capitalized(try line.string("ctx_b"))
    } else {
      context = try line.string("ctx")
    }
    let prompt = HellaSwag.cleaned("\(try line.string("activity_label")): \(context)")
    return try line.item(
      endings.map { TaskRequest(context: prompt, continuation: " " + HellaSwag.cleaned($0)) },
      label: try line.label("label", of: endings.count))
  }

  /// Removes the markup that WikiHow's pages leave in the texts: `[title]` ends a sentence, other brackets are dropped.
  private static func cleaned(_ text: String) -> String {
    var text = PythonText.stripped(text)
    text = PythonText.replacing(". [title]", by: ". ", in: text)
    text = PythonText.replacing(" [title]", by: ". ", in: text)
    let scalars = Array(text.unicodeScalars)
    var kept: [Unicode.Scalar] = []
    var index = 0
    while index < scalars.count {
      // A bracket that is not closed on its line stays.
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
}
