import ArgumentParser
import Display
import Foundation
import Host
import Inference
import Kernels
import Server
import Training

/// `phd serve`: completions over HTTP.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Answer OpenAI's completions requests with a checkpoint's model.",
    discussion: """
      POST /v1/completions, GET /v1/models, /health and /metrics. There is no password: whoever reaches the port is \
      served, which is this machine alone unless --host says otherwise. SIGTERM and SIGINT let running requests end.
      """)

  @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
  var checkpoint: String

  @Option(help: ArgumentHelp("The address to listen on; 0.0.0.0 for all.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("The port; 0 for any that is free.", valueName: "n"))
  var port = 8080

  @Option(help: ArgumentHelp("What clients call the model; default: its run's name.", valueName: "name"))
  var modelName: String?

  @Option(
    help: ArgumentHelp(
      "The tokenizer of the text: bytes, a tokenizer.json, or a folder with one.", valueName: "bytes|path"),
    completion: .file())
  var tokenizer: String?

  @Option(help: ArgumentHelp("Weights and cached keys: fp32, or bf16 for half the memory.", valueName: "type"))
  var precision = ElementType.fp32

  @Option(help: ArgumentHelp("Threads; default: all processors at hand.", valueName: "n"))
  var threads: Int?

  @Option(help: ArgumentHelp("Sequences that run at once.", valueName: "n"))
  var maxSequences = 16

  @Option(help: ArgumentHelp("Sequences that wait; beyond, requests are refused (429).", valueName: "n"))
  var maxQueue = 1024

  @Option(help: ArgumentHelp("Tokens of a prompt and of what is added to it, together.", valueName: "n"))
  var maxLength = 4096

  @Option(
    help: ArgumentHelp(
      "MiB for KV caches; default: what --max-sequences of --max-length take, if it is there.", valueName: "n"))
  var cacheMemory: Int?

  @Option(help: ArgumentHelp("Bytes of a request's body.", valueName: "n"))
  var maxBody = 4 << 20

  @Option(help: ArgumentHelp("Connections at once.", valueName: "n"))
  var maxConnections = 256

  @Option(
    help: ArgumentHelp("Seconds that a client may take to send a request, or be idle.", valueName: "n"))
  var timeout = 60.0

  @Option(help: ArgumentHelp("Seconds that running requests have to end when the server stops.", valueName: "n"))
  var grace = 5.0

  @Flag(help: "A line on standard error for each request.")
  var verbose = false

  func validate() throws {
    try require(
      ("port", port, 0...65535), ("threads", threads, threadRange), ("max-sequences", maxSequences, 1...1 << 16),
      ("max-queue", maxQueue, 1...1 << 20), ("max-length", maxLength, 1...1 << 31),
      ("cache-memory", cacheMemory, 1...1 << 40), ("max-body", maxBody, 1...1 << 40),
      ("max-connections", maxConnections, 1...1 << 20))
    if !(grace >= 0 && grace <= 86400) { throw ValidationError("--grace \(grace): expected 0 to 86400") }
    if !(timeout >= 0.1 && timeout <= 86400) { throw ValidationError("--timeout \(timeout): expected 0.1 to 86400") }
  }

  func run() throws {
    // Before any other thread is started, which would take the signals instead.
    let signals = try SignalWatch()
    let loaded = try LoadedModel(checkpoint, tokenizer: tokenizer)
    var settings = ServerSettings()
    (settings.host, settings.port, settings.maximumBody) = (host, port, maxBody)
    (settings.maximumConnections, settings.timeout, settings.grace) = (maxConnections, timeout, grace)
    if verbose { settings.log = { ErrorReport.print(toStandardError: "phd: \($0)") } }
    let limits = Engine.Limits(running: maxSequences, waiting: maxQueue, cacheBytes: try cacheBytes(loaded, settings))
    if precision == .bf16, let warning = Processor.bf16Warning {
      ErrorReport.print(toStandardError: "phd: warning: \(warning)")
    }
    let model = ServedModel(
      name: modelName ?? loaded.name, vocabularySize: loaded.layout.model.vocabularySize, text: loaded.text,
      endTokens: loaded.endTokens, maximumLength: maxLength, maximumSequences: maxQueue)
    let team = try ThreadTeam(count: threads ?? Threads.available)
    let engine = try Engine(Decoder(try loaded.withWeights(precision), on: team), limits)
    let server = try CompletionServer(model, engine, settings)
    let address = server.host.contains(":") ? "[\(server.host)]" : server.host
    let line =
      "serving \(model.name) on http://\(address):\(server.port)/v1  (\(precision), \(team.count) threads, "
      + "\(maxSequences) sequences of \(maxLength) tokens, \(Quantity.bytes(limits.cacheBytes)) of KV caches"
      + (loaded.text == nil ? ", no tokenizer: token ids alone)" : ")")
    StandardStream.output.write(line + "\n")
    while !signals.take().contains(.stop) { Thread.sleep(forTimeInterval: 0.05) }
    server.stop()
  }

  /// Bytes for KV caches: as much as was asked for, or as can be used and is there.
  private func cacheBytes(_ loaded: LoadedModel, _ settings: ServerSettings) throws -> Int {
    let model = loaded.layout.model
    let one = KVCache.bytes(model, loaded.hiddenDecoding, precision, capacity: maxLength)
    let weights = InferenceWeights.bytes(loaded.layout, precision)
    let computed = Decoder.workspaceBytes(
      model, loaded.hiddenDecoding, sequences: maxSequences, tokens: maxSequences * maxLength)
    let workspace = computed + settings.maximumInFlight
    let available = AvailableMemory.bytes
    let wanted = cacheMemory.map { $0 << 20 } ?? one
    if weights + workspace + max(wanted, one) > available {
      throw InferenceError(
        .usage,
        "the weights take \(Quantity.bytes(weights)), the KV cache of one sequence of --max-length \(maxLength) "
          + "\(Quantity.bytes(one)), all caches at least \(Quantity.bytes(wanted)), what is computed "
          + "\(Quantity.bytes(workspace)); \(Quantity.bytes(available)) are available: lower --max-length or "
          + "--cache-memory, or take --precision bf16")
    }
    if let cacheMemory { return cacheMemory << 20 }
    let (all, overflows) = one.multipliedReportingOverflow(by: maxSequences)
    let left = available - weights - workspace
    return overflows ? left : min(all, max(one, left / 10 * 9))
  }
}
