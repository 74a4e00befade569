/// The parts of a benchmark file's name.
struct TaskFileName {
  /// Lowercase with underscores: `hellaswag_validation`.
  let stem: String
  /// The stem without the words for a split: `hellaswag`; empty if there are no other words.
  let base: String
  /// The first of the words for a split: `dev`, `test`.
  let split: String?

  private static let splits: Set = [
    "train", "valid", "validation", "val", "dev", "test", "tests", "fewshot", "rand", "split",
  ]

  init(_ path: String) {
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    let name = [".jsonl", ".csv", ".json"].first { file.hasSuffix($0) }.map { String(file.dropLast($0.count)) } ?? file
    stem = name.lowercased().replacing("-", with: "_")
    let words = stem.split(separator: "_").map(String.init)
    let end = words.lastIndex { !TaskFileName.splits.contains($0) }.map { $0 + 1 } ?? 0
    base = words[..<end].joined(separator: "_")
    split = words[end...].first
  }

  /// The benchmark's name; nil if the file is named after a split only.
  var benchmark: String? {
    let known = Benchmarks.all.flatMap(\.fileNames)
    return known.first { base == $0 || base.hasPrefix($0 + "_") } ?? (base.isEmpty ? nil : base)
  }
}
