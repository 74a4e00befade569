import ArgumentParser
import Configuration
import Host
import Training

/// `phd plan`: what a run would take.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what a run takes: parameters, operations, memory.")

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("Ranks that share the batch.", valueName: "n"))
  var ranks = 1

  @Option(help: ArgumentHelp("Threads of each rank; default training.threads, else 1.", valueName: "n"))
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
