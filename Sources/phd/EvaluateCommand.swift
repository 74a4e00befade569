import ArgumentParser
import Display
import Host
import Training

/// `phd evaluate`: how good a model is.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Say how good a checkpoint's model is.",
    subcommands: [Loss.self, EvaluateTasksCommand.self])

  struct Loss: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The mean loss over a corpus's samples, in their order.",
      discussion: "Under mpirun the ranks share the samples; the loss has the same bits on any number of them.")

    @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("The corpus, a path or a glob.", valueName: "file"), completion: .file())
    var corpus: String

    @Option(help: ArgumentHelp("Target tokens of a sample; default: as the model was trained.", valueName: "n"))
    var sequenceLength: Int?

    @Option(help: ArgumentHelp("Samples at the most; default: all.", valueName: "n"))
    var sequences: Int?

    @Option(help: ArgumentHelp("Samples that a rank takes through the model at once.", valueName: "n"))
    var microBatch = 4

    @Option(help: ArgumentHelp("Threads of each rank; default: the node's cores over its ranks.", valueName: "n"))
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
