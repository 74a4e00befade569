import ArgumentParser
import Reports

extension LogCommand {
  struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Compare runs with the first one: losses at equal tokens, operations and time; differing keys.",
      discussion: """
        The training loss is the mean over the last tenth of the range that all runs have reached. The difference from \
        the first run has a 95 % confidence interval for the noise within these runs; differences between seeds are \
        larger.
        """)

    @Argument(help: ArgumentHelp("Two or more runs' folders, or their log.jsonl.", valueName: "run"))
    var paths: [String]

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if paths.count < 2 { throw ValidationError("log compare needs two or more runs, not \(paths.count)") }
    }

    func run() throws {
      let comparison = LogComparison(try paths.map { try RunLog(path: $0) })
      print(json ? comparison.json.compact : comparison.text)
    }
  }
}
