import ArgumentParser
import Communication
import Configuration
import Corpus
import Display
import Evaluation
import Host
import Inference
import JSON
import Kernels
import Storage
import Tokenizers
import Training
import Transformer

/// `phd evaluate tasks`: accuracy on benchmarks of language understanding.
struct EvaluateTasksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks",
    abstract: "Measure a checkpoint's accuracy on benchmarks: HellaSwag, ARC, PIQA, MMLU, LAMBADA, …",
    discussion: """
      Reads benchmark files as their authors distribute them (JSON lines, MMLU's CSV), or files of prepared requests; \
      docs/evaluation.md lists the formats and the prompts. Under mpirun the ranks divide the items among themselves; \
      the results do not depend on the number of ranks.
      """)

  @OptionGroup var model: ModelOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Benchmark files, or folders that contain them.", valueName: "path"), completion: .file())
  var tasks: [String]

  @Option(help: ArgumentHelp("Evaluate only this benchmark; may be repeated.", valueName: "name"))
  var task: [String] = []

  @Option(help: ArgumentHelp("Evaluate only the first N items of each benchmark.", valueName: "n"))
  var limit: Int?

  @Option(
    help: ArgumentHelp(
      "Examples before each of MMLU's questions; default: 5 if there is a dev file, else 0.", valueName: "n"))
  var shots: Int?

  @Option(
    help: ArgumentHelp(
      "Maximum number of tokens per sequence, longer ones lose their beginning; default: the model's maximum length, "
        + "else the length of its training samples.", valueName: "n"))
  var maxLength: Int?

  @Option(help: ArgumentHelp("Items per batch and rank.", valueName: "n"))
  var batch = 8

  @Option(
    help: ArgumentHelp("Write every item's log-likelihoods to this file, one JSON object per line.", valueName: "file"),
    completion: .file())
  var details: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    // Each item of a batch has its own KV cache.
    try require(
      ("limit", limit, 1...1 << 31), ("shots", shots, 0...1000), ("max-length", maxLength, 1...1 << 24),
      ("batch", batch, 1...128))
  }

  func run() throws {
    try underMPI { communicator in
      try warnOfBinding(threads: model.threads, communicator)
      let threads = try model.threads ?? Threads.perRank(communicator)
      let (tasks, evaluation) = try communicator.agreed {
        let tasks = try TaskReader.tasks(self.tasks, named: task, limit: limit, shots: shots) { note in
          if communicator.isRoot { ErrorReport.warn(note) }
        }
        let loaded = try model.load()
        let encoder = try loaded.encoder(maximumLength: maxLength)
        var memory = InferenceMemory(loaded, model.precision)
        memory.ranks = communicator.nodeSize
        try memory.require(advice: "use fewer ranks per node")
        let decoder = Decoder(try loaded.withWeights(model.precision), on: try ThreadTeam(count: threads))
        return (tasks, TaskEvaluation(decoder, encoder, itemsAtOnce: batch, communicator))
      }
      let entries = try communicator.agreed {
        [try FileConsistency.Entry("--checkpoint", file: model.checkpoint)]
          + (try model.tokenizer.map { $0 == "bytes" ? [] : [try tokenizerEntry($0)] } ?? [])
          + tasks.map { FileConsistency.Entry("--tasks, \($0.name)", read: $0.fingerprint) }
      }
      try FileConsistency.requireSame(entries, communicator)
      if communicator.isRoot { model.warnAboutPrecision() }
      // Fails before the evaluation if the file cannot be written. An existing file is not changed yet.
      try communicator.rootOnly { if let details { try WholeFile.requireWritable(details) } }
      var results: [TaskResult] = []
      for task in tasks {
        var line = ProgressLine(.items)
        defer { line.clear() }
        let result = try evaluation.result(of: task) { if communicator.isRoot { line.show(done: $0, of: $1) } }
        line.clear()
        results.append(result)
        if communicator.isRoot && !json { print(result.text) }
      }
      try communicator.rootOnly {
        if let details { try WholeFile.write(Array(results.map(\.details).joined().utf8), to: details) }
      }
      if communicator.isRoot && json {
        let fields = results.map { JSONValue.Field(name: $0.task.name, value: $0.json) }
        print((["tasks": .object(JSONValue.Object(distinct: fields))] as JSONValue).compact)
      }
    }
  }

  private func tokenizerEntry(_ path: String) throws -> FileConsistency.Entry {
    FileConsistency.Entry("--tokenizer (\(path))", read: "the SHA-256 \(try TokenizerFile(reading: path).sha256)")
  }
}
