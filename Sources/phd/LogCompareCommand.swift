import ArgumentParser
import Reports

extension LogCommand {
  struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Set runs beside the first: losses at the same tokens, operations and time; differing keys.",
      discussion: """
        A training loss is the mean over the last tenth of the way that all runs have gone. Its difference from the first \
        run's has a 95 % interval, of the noise in these runs; other seeds would differ by more.
        """)

    @Argument(help: ArgumentHelp("Two or more runs' folders, or their log.jsonl.", valueName: "run"))
    var paths: [String]

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if paths.count < 2 { throw ValidationError("log compare takes two runs or more, not \(paths.count)") }
    }

    func run() throws {
      let comparison = LogComparison(try paths.map { try RunLog(path: $0) })
      print(json ? comparison.json.compact : comparison.text)
    }
  }
}
