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
    commandName: "serve", abstract: "Serve completions of a checkpoint with OpenAI's HTTP API.",
    discussion: """
      POST /v1/completions, GET /v1/models, /health and /metrics. There is no authentication: anyone who can reach the \
      port is served. By default only this machine can; --host changes that. SIGTERM and SIGINT stop the server after \
      the running requests.
      """)

  @OptionGroup var model: ModelOptions

  @Option(help: ArgumentHelp("The address to listen on; 0.0.0.0 for all.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("The port; 0 for any free port.", valueName: "n"))
  var port = 8080

  @Option(help: ArgumentHelp("The model's name in requests; default: its run's name.", valueName: "name"))
  var modelName: String?

  @Option(help: ArgumentHelp("Maximum number of sequences that run at the same time.", valueName: "n"))
  var maxSequences = 16

  @Option(
    help: ArgumentHelp("Maximum number of waiting sequences; further requests are refused (429).", valueName: "n"))
  var maxQueue = 1024

  @Option(help: ArgumentHelp("Maximum number of tokens of a prompt and its completion together.", valueName: "n"))
  var maxLength = 4096

  @Option(
    help: ArgumentHelp(
      "Memory for KV caches, MiB; default: enough for --max-sequences sequences of --max-length tokens, if available.",
      valueName: "n"))
  var cacheMemory: Int?

  @Option(help: ArgumentHelp("Maximum size of a request's body, bytes.", valueName: "n"))
  var maxBody = 4 << 20

  @Option(help: ArgumentHelp("Maximum number of open connections.", valueName: "n"))
  var maxConnections = 256

  @Option(
    help: ArgumentHelp("Seconds after which an incomplete request or an idle connection is closed.", valueName: "n"))
  var timeout = 60.0

  @Option(help: ArgumentHelp("Seconds that running requests have to finish when the server stops.", valueName: "n"))
  var grace = 5.0

  @Flag(help: "Log each request in one line on standard error.")
  var verbose = false

  func validate() throws {
    try require(
      ("port", port, 0...65535), ("max-sequences", maxSequences, 1...1 << 16),
      ("max-queue", maxQueue, 1...1 << 20), ("max-length", maxLength, 1...1 << 31),
      ("cache-memory", cacheMemory, 1...1 << 40), ("max-body", maxBody, 1...1 << 40),
      ("max-connections", maxConnections, 1...1 << 20))
    if !(grace >= 0 && grace <= 86400) { throw ValidationError("--grace \(grace): expected 0 to 86400") }
    if !(timeout >= 0.1 && timeout <= 86400) { throw ValidationError("--timeout \(timeout): expected 0.1 to 86400") }
  }

  func run() throws {
    // The signals must be blocked before other threads start; else those threads would receive them.
    let signals = try SignalWatch()
    let loaded = try model.load()
    var settings = ServerSettings()
    (settings.host, settings.port, settings.maximumBody) = (host, port, maxBody)
    (settings.maximumConnections, settings.timeout, settings.grace) = (maxConnections, timeout, grace)
    if verbose { settings.log = { ErrorReport.print(toStandardError: "phd: \($0)") } }
    let limits = Engine.Limits(running: maxSequences, waiting: maxQueue, cacheBytes: try cacheBytes(loaded, settings))
    model.warnAboutPrecision()
    let served = ServedModel(
      name: modelName ?? loaded.name, vocabularySize: loaded.layout.model.vocabularySize, text: loaded.text,
      endTokens: loaded.endTokens, maximumLength: maxLength, maximumSequences: maxQueue)
    let team = try ThreadTeam(count: model.threads ?? Threads.available)
    let engine = try Engine(Decoder(try loaded.withWeights(model.precision), on: team), limits)
    let server = try CompletionServer(served, engine, settings)
    let address = server.host.contains(":") ? "[\(server.host)]" : server.host
    let line =
      "serving \(served.name) on http://\(address):\(server.port)/v1  (\(model.precision), \(team.count) threads, "
      + "\(maxSequences) sequences of \(maxLength) tokens, \(Quantity.bytes(limits.cacheBytes)) of KV caches"
      + (loaded.text == nil ? ", no tokenizer: token ids only)" : ")")
    StandardStream.output.write(line + "\n")
    while !signals.take().contains(.stop) { Thread.sleep(forTimeInterval: 0.05) }
    server.stop()
  }

  /// Bytes for KV caches: `--cache-memory`, else what all sequences can use, limited by the available memory.
  ///
  /// - Throws: `ConfigurationError` if the memory is too small for the weights and one sequence.
  private func cacheBytes(_ loaded: LoadedModel, _ settings: ServerSettings) throws -> Int {
    let one = KVCache.bytes(loaded.layout.model, loaded.hiddenDecoding, model.precision, capacity: maxLength)
    var memory = InferenceMemory(loaded, model.precision)
    memory.caches = max(one, cacheMemory.map { $0 << 20 } ?? one)
    memory.workspace =
      Decoder.workspaceBytes(
        loaded.layout.model, loaded.hiddenDecoding, sequences: maxSequences, tokens: maxSequences * maxLength)
      + settings.maximumInFlight
    let available = AvailableMemory.bytes
    try memory.require(
      available, cachesOf: cacheMemory == nil ? "one sequence of --max-length \(maxLength)" : "--cache-memory",
      advice: "lower --max-length or --cache-memory")
    if let cacheMemory { return cacheMemory << 20 }
    let (all, overflows) = one.multipliedReportingOverflow(by: maxSequences)
    let left = available - memory.weights - memory.workspace
    return overflows ? left : min(all, max(one, left / 10 * 9))
  }
}
