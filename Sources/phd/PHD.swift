import ArgumentParser
import Training

/// `phd`: everything around a run.
@main
struct PHD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd",
    abstract: "What stands around a training run: corpora, logs, checkpoints, plans.",
    version: Version.current,
    subcommands: [
      CorpusCommand.self, LogCommand.self, CheckpointCommand.self, GenerateCommand.self, EvaluateCommand.self,
      PlanCommand.self, BenchmarkCommand.self,
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
