import ArgumentParser
import Communication
import Configuration
import Host
import Storage
import Training

/// `phd`: everything around a run.
@main
struct PHD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd",
    abstract: "What stands around a training run: corpora, logs, checkpoints, plans.",
    version: Version.current,
    subcommands: [
      CorpusCommand.self, LogCommand.self, CheckpointCommand.self, GenerateCommand.self, ServeCommand.self,
      EvaluateCommand.self, PlanCommand.self, BenchmarkCommand.self, InspectCommand.self,
    ])

  /// Parses, runs, and reports an error once.
  static func main() {
    OpenFiles.raiseLimit()
    do {
      var command = try parse()
      try command.run()
    } catch {
      ErrorReport.exit(with: error)
    }
  }

  /// Options whose value is any text.
  private static let textOptions: Set = [
    "--document-separator", "--end-of-document", "--prompt", "--special", "--stop",
  ]

  /// The arguments, with texts that begin with a dash joined to their options, `--document-separator=---`: the parser
  /// takes such a text for an option, or for the end of all options. What looks like an option stays one: its text may
  /// have been forgotten.
  private static func joined(_ arguments: [String]) -> [String] {
    arguments.reduce(into: []) { joined, argument in
      if argument.hasPrefix("-"), !isOption(argument), let option = joined.last, textOptions.contains(option) {
        joined[joined.count - 1] = "\(option)=\(argument)"
      } else {
        joined.append(argument)
      }
    }
  }

  /// Whether the parser would take an argument for an option: `--json`, `-h`, `--top-k=3`.
  private static func isOption(_ argument: String) -> Bool {
    argument.wholeMatch(of: /--?[A-Za-z][A-Za-z0-9-]*(=.*)?/.dotMatchesNewlines()) != nil
  }

  /// The command that the arguments ask for. Where they are wrong, or ask for help, one rank alone answers.
  private static func parse() throws -> any ParsableCommand {
    do {
      if let problem = ProgramArguments.problem { throw ConfigurationError(problem) }
      return try parseAsRoot(joined(Array(CommandLine.arguments.dropFirst())))
    } catch {
      if Communicator.isLaunched { try underMPI { _ in throw error } }
      throw error
    }
  }
}
