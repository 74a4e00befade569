import ArgumentParser
import CommandLineOptions
import Configuration
import Kernels
import Training

/// `phd benchmark train`: times the training steps of a configuration.
struct TrainingBenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Time the training steps of a configuration.",
    discussion: """
      Reports tokens per second, the model's arithmetic, the peak memory, and the time of each part of a step. The \
      arithmetic is compared with the rate of multiply-adds in registers, which no program can exceed. Matrix products \
      with the step's shapes are timed too, this program's and a library's. All is measured in the same process. Works \
      under mpirun.
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("Steps to time, after one untimed step.", valueName: "n"))
  var steps = 5

  @Flag(help: "Read the batches from data.train as in a run, instead of generating them.")
  var corpus = false

  @Option(
    help: ArgumentHelp(
      "With data.document_mask: tokens per document in generated batches; default: one document per sample.",
      valueName: "n"))
  var documentLength: Int?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if let documentLength, !(2...1 << 31).contains(documentLength) {
      throw ValidationError("--document-length \(documentLength): expected 2 or more")
    }
    if documentLength != nil && corpus {
      throw ValidationError("--document-length is for generated batches: remove it, or --corpus")
    }
    if steps < 1 { throw ValidationError("--steps \(steps): expected 1 or more") }
  }

  func run() throws {
    try underMPI { communicator in
      let configuration = try communicator.agreed {
        let configuration = try arguments.load()
        if let error = configuration.validationError(ranks: communicator.size) { throw ConfigurationError(error) }
        if documentLength != nil && !configuration.data.documentMask {
          throw ConfigurationError("--document-length needs --set data.document_mask=true")
        }
        return configuration
      }
      try warnOfBinding(threads: configuration.training.threads, communicator)
      let result = try StepBenchmark(
        configuration, steps: steps, readsCorpus: corpus, documentLength: documentLength, communicator)
      if communicator.isRoot, configuration.training.precision == .bf16, let warning = Processor.bf16Warning {
        ErrorReport.warn(warning)
      }
      if communicator.isRoot { print(json ? result.json.compact : result.text) }
    }
  }
}
