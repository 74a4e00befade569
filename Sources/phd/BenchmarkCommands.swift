import ArgumentParser
import Configuration
import Kernels
import Training

/// `phd benchmark`: how fast this machine is at it.
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark", abstract: "Measure training and inference on this machine.",
    subcommands: [Train.self, InferenceSpeed.self])

  struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Time a configuration's steps.",
      discussion: """
        Reports tokens a second, the share of the median rate that matrix products of the step's own shapes reach in \
        the same process, the most memory, and where the time goes. Works under mpirun.
        """)

    @OptionGroup var arguments: ConfigurationArguments

    @Option(help: ArgumentHelp("Steps to time, after one that is not counted.", valueName: "n"))
    var steps = 5

    @Flag(help: "Read the batches from data.train, as a run does, rather than make them up.")
    var corpus = false

    @Option(
      help: ArgumentHelp(
        "Tokens of the documents of batches made up, under data.document_mask; default: one document a sample.",
        valueName: "n"))
    var documentLength: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      if let documentLength, !(2...1 << 31).contains(documentLength) {
        throw ValidationError("--document-length \(documentLength): expected 2 or more")
      }
      if documentLength != nil && corpus {
        throw ValidationError("--document-length is of batches made up: --corpus has documents of its own")
      }
      if steps < 1 { throw ValidationError("--steps \(steps): expected 1 or more") }
    }

    func run() throws {
      try underMPI { communicator in
        let configuration = try communicator.agreed {
          let configuration = try arguments.load()
          if let fault = configuration.validationError(ranks: communicator.size) { throw ConfigurationError(fault) }
          if documentLength != nil && !configuration.data.documentMask {
            throw ConfigurationError("--document-length needs --set data.document_mask=true")
          }
          return configuration
        }
        try warnOfBinding(threads: configuration.training.threads, communicator)
        let result = try StepBenchmark(
          configuration, steps: steps, readsCorpus: corpus, documentLength: documentLength, communicator)
        if communicator.isRoot, configuration.training.precision == .bf16, let warning = Processor.bf16Warning {
          ErrorReport.print(toStandardError: "phd: warning: \(warning)")
        }
        if communicator.isRoot { print(json ? result.json.compact : result.text) }
      }
    }
  }
}
