import ArgumentParser

/// `phd benchmark`: the speed of training and inference on this machine.
///
/// To add a benchmark, write its command in a file of its own and add it to the subcommands here.
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark", abstract: "Measure the speed of training and inference on this machine.",
    subcommands: [TrainingBenchmarkCommand.self, InferenceBenchmarkCommand.self])
}
