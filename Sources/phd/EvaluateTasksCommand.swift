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

/// `phd evaluate tasks`: how a model does at benchmarks of language understanding.
struct EvaluateTasksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks", abstract: "How well the model does at benchmarks: HellaSwag, ARC, PIQA, MMLU, LAMBADA, …",
    discussion: """
      A benchmark is a file as its authors distribute it (JSON lines, MMLU's CSV), or one of requests; docs/evaluation.md \
      has the formats and the prompts. Under mpirun the ranks share the items; their number changes no bit.
      """)

  @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
  var checkpoint: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Benchmarks: files, or folders of them.", valueName: "path"), completion: .file())
  var tasks: [String]

  @Option(help: ArgumentHelp("Only this benchmark; may be given several times.", valueName: "name"))
  var task: [String] = []

  @Option(help: ArgumentHelp("Items of each benchmark at the most, from its beginning; default: all.", valueName: "n"))
  var limit: Int?

  @Option(
    help: ArgumentHelp("MMLU's examples before each question; default: 5 where its dev file is there.", valueName: "n"))
  var shots: Int?

  @Option(
    help: ArgumentHelp(
      "Tokens of a sequence at the most, longer ones lose their beginning; default: as the model was made for, else as "
        + "it was trained.", valueName: "n"))
  var maxLength: Int?

  @Option(
    help: ArgumentHelp(
      "The tokenizer of the text: bytes, a tokenizer.json, or a folder with one.", valueName: "bytes|path"),
    completion: .file())
  var tokenizer: String?

  @Option(help: ArgumentHelp("Weights and cached keys: fp32, or bf16 for half the memory.", valueName: "type"))
  var precision = ElementType.fp32

  @Option(help: ArgumentHelp("Items that a rank takes through the model at once.", valueName: "n"))
  var batch = 8

  @Option(help: ArgumentHelp("Threads of each rank; default: the node's cores over its ranks.", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp("Write every item's log-likelihoods there, a JSON object a line.", valueName: "file"),
    completion: .file())
  var details: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    // Each item at once has a KV cache of its own.
    try require(
      ("limit", limit, 1...1 << 31), ("shots", shots, 0...1000), ("max-length", maxLength, 1...1 << 24),
      ("batch", batch, 1...128), ("threads", threads, threadRange))
  }

  func run() throws {
    try underMPI { communicator in
      try warnOfBinding(threads: threads, communicator)
      let threads = try threads ?? Threads.perRank(communicator)
      let (tasks, evaluation) = try communicator.agreed {
        let tasks = try TaskReader.tasks(self.tasks, named: task, limit: limit, shots: shots) { note in
          if communicator.isRoot { ErrorReport.print(toStandardError: "phd: warning: \(note)") }
        }
        let loaded = try LoadedModel(checkpoint, tokenizer: tokenizer)
        let encoder = try loaded.encoder(maximumLength: maxLength)
        try checkMemory(loaded, ranks: communicator.nodeSize)
        let decoder = Decoder(try loaded.withWeights(precision), on: try ThreadTeam(count: threads))
        return (tasks, TaskEvaluation(decoder, encoder, itemsAtOnce: batch, communicator))
      }
      let entries = try communicator.agreed {
        [try CommonFiles.Entry("--checkpoint", file: checkpoint)]
          + (try tokenizer.map { $0 == "bytes" ? [] : [try tokenizerEntry($0)] } ?? [])
          + tasks.map { CommonFiles.Entry("--tasks, \($0.name)", read: $0.fingerprint) }
      }
      try CommonFiles.requireSame(entries, communicator)
      if communicator.isRoot, precision == .bf16, let warning = Processor.bf16Warning {
        ErrorReport.print(toStandardError: "phd: warning: \(warning)")
      }
      // Where it cannot be written is better known now; what has the name stays until the new one is whole.
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

  private func tokenizerEntry(_ path: String) throws -> CommonFiles.Entry {
    CommonFiles.Entry("--tokenizer (\(path))", read: "the SHA-256 \(try TokenizerFile(reading: path).sha256)")
  }

  private func checkMemory(_ loaded: LoadedModel, ranks: Int) throws {
    let weights = InferenceWeights.bytes(loaded.layout, precision)
    let available = AvailableMemory.bytes
    if weights * ranks > available {
      throw ConfigurationError(
        "the weights take \(Quantity.bytes(weights)) a rank, \(Quantity.bytes(available)) are available on a node of "
          + "\(ranks) ranks: use fewer ranks a node, or take --precision bf16")
    }
  }
}
