/// The benchmarks that this program can read.
enum Benchmarks {
  /// In order of recognition: the first benchmark that recognizes a file's first line reads the file.
  static let all: [any Benchmark] = [
    PreparedRequests(), HellaSwag(), PIQA(), WinoGrande(), ARC(), MMLU(), LAMBADA(),
  ]

  /// The benchmark that a file belongs to.
  ///
  /// - Parameter first: the file's first line.
  /// - Throws: ``EvaluationError`` if no benchmark has these fields.
  static func recognizing(_ first: TaskLine) throws -> any Benchmark {
    if let benchmark = all.first(where: { $0.recognizes(first) }) { return benchmark }
    let names = first.json.object?.fields.prefix(8).map(\.name).joined(separator: ", ") ?? ""
    throw first.error(
      "has an unknown format, with the fields \(names.isEmpty ? "none" : names): expected those of "
        + all.map(\.summary).joined(separator: ", "))
  }
}
