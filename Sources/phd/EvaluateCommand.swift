import ArgumentParser
import Display
import Host
import Training

/// `phd evaluate`: loss and benchmark accuracy of a model.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Evaluate a checkpoint's model: loss, accuracy on benchmarks.",
    subcommands: [Loss.self, EvaluateTasksCommand.self])

  struct Loss: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Compute the mean loss over a corpus's samples.",
      discussion: """
        Reads the samples in the corpus's order. Under mpirun the ranks divide the samples among themselves; the loss \
        is the same to the last bit for any number of ranks.
        """)

    @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("The corpus, a path or a glob.", valueName: "file"), completion: .file())
    var corpus: String

    @Option(help: ArgumentHelp("Target tokens per sample; default: as in the model's training.", valueName: "n"))
    var sequenceLength: Int?

    @Option(help: ArgumentHelp("Maximum number of samples; default: all.", valueName: "n"))
    var sequences: Int?

    @Option(help: ArgumentHelp("Samples per micro-batch and rank.", valueName: "n"))
    var microBatch = 4

    @Option(help: ArgumentHelp("Threads per rank; default: the node's cores divided by its ranks.", valueName: "n"))
    var threads: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      let count = 1...1 << 31
      try require(
        ("sequence-length", sequenceLength, count), ("sequences", sequences, count), ("micro-batch", microBatch, count),
        ("threads", threads, threadRange))
    }

    func run() throws {
      try underMPI { communicator in
        try warnOfBinding(threads: threads, communicator)
        var line = ProgressLine(.samples)
        defer { line.clear() }
        let result = try LossEvaluation(
          checkpoint: checkpoint, corpus: corpus, sequenceLength: sequenceLength, sequences: sequences,
          microBatch: microBatch, threads: threads,
          progress: { if communicator.isRoot { line.show(done: $0, of: $1) } }, communicator)
        line.clear()
        if communicator.isRoot { print(json ? result.json.compact : result.text) }
      }
    }
  }
}
