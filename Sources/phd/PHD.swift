import ArgumentParser
import Communication
import Configuration
import Host
import Kernels
import Storage
import Training

/// `phd`: all commands except training.
@main
struct PHD: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phd",
    abstract: "Build corpora, read logs, convert checkpoints, generate text, evaluate, plan and benchmark.",
    version: Version.current,
    subcommands: [
      CorpusCommand.self, LogCommand.self, CheckpointCommand.self, GenerateCommand.self, ServeCommand.self,
      EvaluateCommand.self, PlanCommand.self, BenchmarkCommand.self, InspectCommand.self,
    ])

  /// Parses the arguments, runs the command, and reports errors.
  static func main() {
    OpenFiles.raiseLimit()
    do {
      var command = try parse()
      try command.run()
    } catch {
      ErrorReport.exit(with: error)
    }
  }

  /// Options whose value is an arbitrary text.
  private static let textOptions: Set = [
    "--document-separator", "--end-of-document", "--prompt", "--special", "--stop",
  ]

  /// Joins texts that start with a dash to their options, `--document-separator=---`, because the parser would read
  /// such a text as an option or as the end of all options. An argument that looks like an option remains one, because
  /// the user may have forgotten the text.
  private static func joined(_ arguments: [String]) -> [String] {
    arguments.reduce(into: []) { joined, argument in
      if argument.hasPrefix("-"), !isOption(argument), let option = joined.last, textOptions.contains(option) {
        joined[joined.count - 1] = "\(option)=\(argument)"
      } else {
        joined.append(argument)
      }
    }
  }

  /// Whether the parser reads an argument as an option: `--json`, `-h`, `--top-k=3`.
  private static func isOption(_ argument: String) -> Bool {
    argument.wholeMatch(of: /--?[A-Za-z][A-Za-z0-9-]*(=.*)?/.dotMatchesNewlines()) != nil
  }

  /// The command of the arguments. Under mpirun, only one rank prints help and usage errors.
  private static func parse() throws -> any ParsableCommand {
    do {
      if let problem = ProgramArguments.problem { throw ConfigurationError(problem) }
      let command = try parseAsRoot(joined(Array(CommandLine.arguments.dropFirst())))
      _ = try KernelChoice.choose()
      return command
    } catch {
      if Communicator.isLaunched { try underMPI { _ in throw error } }
      throw error
    }
  }
}
