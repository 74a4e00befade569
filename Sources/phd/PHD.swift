import ArgumentParser

/// `phd`: everything around a run.
@main
struct PHD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd",
    abstract: "What stands around a training run: corpora.",
    subcommands: [
      CorpusCommand.self
    ])

  /// Parses, runs, and reports an error once.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      ErrorReport.exit(with: error)
    }
  }
}
