import ArgumentParser
import CommandLineOptions
import Display
import Host
import Inference
import JSON
import Kernels
import Training
import Transformer

/// `phd benchmark inference`: times prefill and decoding under each pattern.
struct InferenceBenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inference", abstract: "Time prefill and decoding with each hidden-decoding pattern.",
    discussion: """
      The configuration sets the model's sizes; the weights are random. Each round runs every case once. The results \
      are medians over the rounds. A second table shows the speed of products of weights with 1 to 64 rows, beside the \
      speed of memory and of multiply-adds in registers.
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(help: ArgumentHelp("Patterns, separated by commas.", valueName: "names"))
  var patterns = "vanilla,phd,swa,cswa,naive"

  @Option(help: ArgumentHelp("Values of K, separated by commas.", valueName: "numbers"))
  var repeats = "2,3,4,8"

  @Option(help: ArgumentHelp("W, the window of swa and cswa.", valueName: "n"))
  var window = 16

  @Option(help: ArgumentHelp("C, the chunk of cswa.", valueName: "n"))
  var chunk = 32

  @Option(help: ArgumentHelp("Prompt lengths in tokens, separated by commas.", valueName: "numbers"))
  var prompts = "512,2048"

  @Option(help: ArgumentHelp("Prompts per batch, separated by commas.", valueName: "numbers"))
  var batches = "1"

  @Option(help: ArgumentHelp("Type of the weights and the KV cache: fp32 or bf16.", valueName: "type"))
  var precision = ElementType.fp32

  @Option(help: ArgumentHelp("Tokens to decode after each prompt.", valueName: "n"))
  var decode = 16

  @Option(help: ArgumentHelp("Number of rounds.", valueName: "n"))
  var rounds = 3

  @Option(help: ArgumentHelp("Number of threads.", valueName: "n"))
  var threads = 1

  @Option(
    help: ArgumentHelp(
      "Also write SVG charts of the times by K and by prompt length to this folder.",
      valueName: "folder"), completion: .file())
  var svg: String?

  @Flag(help: "Only time the products of weights with 1 to 64 rows; writes no charts.")
  var products = false

  @Flag(help: "Print JSON; without --products, only the patterns.")
  var json = false

  func validate() throws {
    try require(
      ("decode", decode, 1...1 << 31), ("rounds", rounds, 1...1 << 31), ("threads", threads, threadRange))
  }

  func run() throws {
    try RunSetup.requireProcessor()
    let configuration = try arguments.load()
    let cases = try self.cases()
    let team = try ThreadTeam(count: threads)
    let clock = ContinuousClock()
    let start = clock.now
    let seconds = { (clock.now - start).inSeconds }
    func timeProducts() -> [ProductBenchmark.Result] {
      ProductBenchmark(columns: configuration.model.hiddenSize, precision, on: team)
        .run(rounds: rounds, seconds: seconds)
    }
    if products {
      let results = timeProducts()
      return print(json ? JSONValue.array(results.map(report)).compact : table(results))
    }
    let results = InferenceBenchmark(configuration.model, precision, decodeSteps: decode, on: team)
      .run(cases, rounds: rounds, seconds: seconds)
    print(json ? JSONValue.array(results.map(report)).compact : "\(table(results))\n\n\(table(timeProducts()))")
    if let svg {
      for path in try InferenceCharts(results).write(to: svg) where !json { print(path) }
    }
  }

  private func cases() throws -> [InferenceBenchmark.Case] {
    let prompts = try numbers(prompts, "prompts")
    let batches = try numbers(batches, "batches")
    let decodings = try patterns.split(separator: ",").flatMap { name -> [HiddenDecoding] in
      guard let pattern = Pattern(rawValue: String(name)) else {
        throw ValidationError(
          "--patterns \(name): expected \(Pattern.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      if !pattern.hasHiddenCopies { return [.vanilla] }
      return try numbers(repeats, "repeats").map { repeats in
        let (window, chunk) = (pattern.usesWindow ? window : nil, pattern.usesChunk ? chunk : nil)
        if let error = HiddenDecoding.validationError(
          pattern: pattern, repeats: repeats, window: window, chunk: chunk)
        {
          throw ValidationError(error)
        }
        return HiddenDecoding(pattern: pattern, repeats: repeats, window: window, chunk: chunk)
      }
    }
    return prompts.flatMap { prompt in
      batches.flatMap { batch in decodings.map { InferenceBenchmark.Case($0, prompt: prompt, batch: batch) } }
    }
  }

  private func numbers(_ list: String, _ name: String) throws -> [Int] {
    let numbers = list.split(separator: ",").map { Int($0) }
    guard !numbers.isEmpty, numbers.allSatisfy({ $0.map { $0 >= 1 && $0 <= 1 << 24 } ?? false }) else {
      throw ValidationError("--\(name) \(list): expected numbers of 1 or more")
    }
    return numbers.compactMap { $0 }
  }

  private func report(_ result: InferenceBenchmark.Result) -> JSONValue {
    [
      "pattern": .string(result.benchmarkCase.decoding.pattern.rawValue),
      "repeats": .integer(result.benchmarkCase.decoding.repeats),
      "prompt": .integer(result.benchmarkCase.prompt), "batch": .integer(result.benchmarkCase.batch),
      "prefill_seconds": .number(result.prefillSeconds),
      "decode_seconds_per_token": .number(result.decodeSecondsPerToken),
      "kv_cache_bytes": .integer(result.cacheBytes), "bandwidth_share": .number(result.bandwidthShare),
    ]
  }

  private func report(_ result: ProductBenchmark.Result) -> JSONValue {
    [
      "rows": .integer(result.rows), "seconds": .number(result.seconds),
      "bytes_per_second": .number(result.bytesPerSecond), "gflops": .number(result.operationsPerSecond / 1e9),
      "bandwidth_share": .number(result.bandwidthShare), "share_of_arithmetic": .number(result.arithmeticShare),
    ]
  }

  private func table(_ results: [ProductBenchmark.Result]) -> String {
    let lines = results.map { result in
      let cells = [
        "\(result.rows)", Quantity.duration(result.seconds), "\(Quantity.short(result.bytesPerSecond / 1e9)) GB/s",
        "\(Int((100 * result.bandwidthShare).rounded())) %",
        "\(Quantity.short(result.operationsPerSecond / 1e9)) GFLOP/s",
        "\(Int((100 * result.arithmeticShare).rounded())) %",
      ]
      return "| \(cells.joined(separator: " | ")) |"
    }
    let header = [
      "| rows | time | weights read | of memory's rate | arithmetic | of the multiply-adds' rate |",
      "|---|---|---|---|---|---|",
    ]
    return (header + lines).joined(separator: "\n")
  }

  private func table(_ results: [InferenceBenchmark.Result]) -> String {
    var lines = [
      "| model | prompt | batch | prefill | × vanilla | decode per token | × vanilla | memory bandwidth | KV cache |",
      "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results {
      let vanilla = results.first {
        $0.benchmarkCase.decoding == .vanilla && $0.benchmarkCase.prompt == result.benchmarkCase.prompt
          && $0.benchmarkCase.batch == result.benchmarkCase.batch
      }
      func ratio(_ value: (InferenceBenchmark.Result) -> Double) -> String {
        vanilla.map { Quantity.short(value(result) / value($0)) } ?? ""
      }
      let cells = [
        result.benchmarkCase.decoding.name, "\(result.benchmarkCase.prompt)", "\(result.benchmarkCase.batch)",
        Quantity.duration(result.prefillSeconds), ratio(\.prefillSeconds),
        Quantity.duration(result.decodeSecondsPerToken), ratio(\.decodeSecondsPerToken),
        "\(Int((100 * result.bandwidthShare).rounded())) %", Quantity.bytes(result.cacheBytes),
      ]
      lines.append("| \(cells.joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n")
  }
}
