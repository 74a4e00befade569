import ArgumentParser
import CommandLineOptions
import Configuration
import Host
import Training

/// `phd plan`: parameters, operations and memory of a run.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Compute a run's parameters, operations and memory.")

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("Number of ranks.", valueName: "n"))
  var ranks = 1

  @Option(help: ArgumentHelp("Threads per rank; default: training.threads, else 1.", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    try require(("ranks", ranks, 1...1 << 24), ("threads", threads, threadRange))
  }

  func run() throws {
    let configuration = try arguments.load()
    if let fault = configuration.validationError(ranks: ranks) { throw ConfigurationError(fault) }
    let plan = RunPlan(
      configuration, ranks: ranks, threads: threads ?? configuration.training.threads ?? 1,
      samples: try RunPlan.samples(of: configuration))
    print(json ? plan.json(configuration).compact : plan.text(configuration))
  }
}
