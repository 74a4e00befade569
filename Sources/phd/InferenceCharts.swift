import Charts
import Inference
import Storage

/// Charts of the measured times: by K as in the paper's figures 1c and 1d, by prompt length as in 9a and 9b.
struct InferenceCharts {
  private let results: [InferenceBenchmark.Result]

  init(_ results: [InferenceBenchmark.Result]) { self.results = results }

  /// Writes each chart that has a line of two or more points; returns the files' paths.
  ///
  /// - Throws: `StorageError`.
  func write(to folder: String) throws -> [String] {
    try Folder.make(folder)
    return try charts.map { name, chart in
      let path = "\(folder)/\(name).svg"
      try WholeFile.write(Array(chart.svg().utf8), to: path)
      return path
    }
  }

  /// One of the two measured parts: prefill or decoding.
  private struct Part: Sendable {
    let name: String
    let title: String
    let unit: String
    let scale: LineChart.Scale
    let seconds: @Sendable (InferenceBenchmark.Result) -> Double
    /// The time in ``unit``.
    let value: @Sendable (InferenceBenchmark.Result) -> Double
  }

  private static let parts = [
    Part(
      name: "prefill", title: "Prefill", unit: "s", scale: .logarithmic, seconds: { $0.prefillSeconds },
      value: { $0.prefillSeconds }),
    Part(
      name: "decode", title: "Decoding, per token", unit: "ms", scale: .linearFromZero,
      seconds: { $0.decodeSecondsPerToken }, value: { $0.decodeSecondsPerToken * 1000 }),
  ]

  private var charts: [(name: String, chart: LineChart)] {
    let all = InferenceCharts.parts.flatMap { part in
      batches.flatMap { batch -> [(name: String, chart: LineChart)] in
        let suffix = batches.count > 1 ? "-batch-\(batch)" : ""
        let againstRepeats = prompts.map { prompt in
          (
            name: "\(part.name)-against-repeats-\(prompt)\(suffix)",
            chart: LineChart(
              "\(part.title), prompt \(prompt), batch \(batch)", x: "K", .logarithmic, y: "× vanilla's time",
              .linearFromZero, linesAgainstRepeats(part, prompt, batch))
          )
        }
        let againstPrompt = repeats.map { repeats in
          (
            name: "\(part.name)-against-prompt-\(repeats)\(suffix)",
            chart: LineChart(
              "\(part.title), K = \(repeats), batch \(batch)", x: "prompt length (tokens)", .logarithmic, y: part.unit,
              part.scale, linesAgainstPrompt(part, repeats, batch))
          )
        }
        return againstRepeats + againstPrompt
      }
    }
    return all.filter { $0.chart.lines.contains { $0.points.count > 1 } }
  }

  private var prompts: [Int] { Set(results.map(\.benchmarkCase.prompt)).sorted() }
  private var batches: [Int] { Set(results.map(\.benchmarkCase.batch)).sorted() }
  private var repeats: [Int] { Set(results.map(\.benchmarkCase.decoding.repeats)).sorted().filter { $0 > 1 } }

  /// One line per pattern; vanilla is the point at K = 1.
  private func linesAgainstRepeats(_ part: Part, _ prompt: Int, _ batch: Int) -> [LineChart.Line] {
    let here = results.filter { $0.benchmarkCase.prompt == prompt && $0.benchmarkCase.batch == batch }
    guard let vanilla = here.first(where: { $0.benchmarkCase.decoding == .vanilla }) else { return [] }
    let patterns = here.map(\.benchmarkCase.decoding.pattern).filter { $0 != .vanilla }
    return patterns.enumerated().filter { patterns.firstIndex(of: $1) == $0 }.map { _, pattern in
      let points = here.filter { $0.benchmarkCase.decoding.pattern == pattern }
        .map { (x: Double($0.benchmarkCase.decoding.repeats), y: part.seconds($0) / part.seconds(vanilla)) }
      return LineChart.Line(pattern.rawValue, [(x: 1, y: 1)] + points.sorted { $0.x < $1.x })
    }
  }

  /// One line for vanilla, and one for each model with `repeats` copies.
  private func linesAgainstPrompt(_ part: Part, _ repeats: Int, _ batch: Int) -> [LineChart.Line] {
    let here = results.filter {
      $0.benchmarkCase.batch == batch && [1, repeats].contains($0.benchmarkCase.decoding.repeats)
    }
    let names = here.map(\.benchmarkCase.decoding.name)
    return names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map { _, name in
      let points = here.filter { $0.benchmarkCase.decoding.name == name }.map {
        (x: Double($0.benchmarkCase.prompt), y: part.value($0))
      }
      return LineChart.Line(name, points.sorted { $0.x < $1.x })
    }
  }
}
