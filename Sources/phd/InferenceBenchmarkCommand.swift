import ArgumentParser
import Display
import Host
import Inference
import JSON
import Kernels
import Training
import Transformer

extension BenchmarkCommand {
  struct InferenceSpeed: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "inference", abstract: "Time prefill and decoding under each pattern.",
      discussion: """
        The model's sizes, and the window and chunk, are a configuration's; the weights are random. Every case runs once \
        a round, in turn; reported are medians.
        """)

    @OptionGroup var arguments: ConfigurationArguments

    @Option(help: ArgumentHelp("Patterns, with commas between them.", valueName: "names"))
    var patterns = "vanilla,phd,swa,cswa,naive"

    @Option(help: ArgumentHelp("K, with commas between them.", valueName: "numbers"))
    var repeats = "2,3,4,8"

    @Option(help: ArgumentHelp("W of swa and cswa.", valueName: "n"))
    var window = 16

    @Option(help: ArgumentHelp("C of cswa.", valueName: "n"))
    var chunk = 32

    @Option(help: ArgumentHelp("Tokens of a prompt, with commas between them.", valueName: "numbers"))
    var prompts = "512,2048"

    @Option(help: ArgumentHelp("Prompts at once, with commas between them.", valueName: "numbers"))
    var batches = "1"

    @Option(help: ArgumentHelp("Weights and cached keys: fp32 or bf16.", valueName: "type"))
    var precision = ElementType.fp32

    @Option(help: ArgumentHelp("Tokens to decode after each prompt.", valueName: "n"))
    var decode = 16

    @Option(help: ArgumentHelp("Rounds.", valueName: "n"))
    var rounds = 3

    @Option(help: ArgumentHelp("Threads.", valueName: "n"))
    var threads = 1

    @Option(
      help: ArgumentHelp(
        "Also draw the times against K and against the prompt's length, as SVG, into this folder.",
        valueName: "folder"), completion: .file())
    var svg: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
      try require(
        ("decode", decode, 1...1 << 31), ("rounds", rounds, 1...1 << 31), ("threads", threads, threadRange))
    }

    func run() throws {
      try RunSetup.requireProcessor()
      let configuration = try arguments.load()
      let cases = try self.cases()
      let benchmark = InferenceBenchmark(
        configuration.model, precision, decodeSteps: decode, on: try ThreadTeam(count: threads))
      let clock = ContinuousClock()
      let start = clock.now
      let results = benchmark.run(cases, rounds: rounds) { (clock.now - start).inSeconds }
      print(json ? JSONValue.array(results.map(report)).compact : table(results))
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
          if let fault = HiddenDecoding.validationError(
            pattern: pattern, repeats: repeats, window: window, chunk: chunk)
          {
            throw ValidationError(fault)
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
        "pattern": .string(result.of.decoding.pattern.rawValue), "repeats": .integer(result.of.decoding.repeats),
        "prompt": .integer(result.of.prompt), "batch": .integer(result.of.batch),
        "prefill_seconds": .number(result.prefillSeconds),
        "decode_seconds_per_token": .number(result.decodeSecondsPerToken),
        "kv_cache_bytes": .integer(result.cacheBytes), "bandwidth_share": .number(result.bandwidthShare),
      ]
    }

    private func table(_ results: [InferenceBenchmark.Result]) -> String {
      var lines = [
        "| model | prompt | batch | prefill | × vanilla | decode a token | × vanilla | of memory's rate | KV cache |",
        "|---|---|---|---|---|---|---|---|---|",
      ]
      for result in results {
        let vanilla = results.first {
          $0.of.decoding == .vanilla && $0.of.prompt == result.of.prompt && $0.of.batch == result.of.batch
        }
        func ratio(_ value: (InferenceBenchmark.Result) -> Double) -> String {
          vanilla.map { Quantity.short(value(result) / value($0)) } ?? ""
        }
        let cells = [
          result.of.decoding.name, "\(result.of.prompt)", "\(result.of.batch)",
          Quantity.duration(result.prefillSeconds), ratio(\.prefillSeconds),
          Quantity.duration(result.decodeSecondsPerToken), ratio(\.decodeSecondsPerToken),
          "\(Int((100 * result.bandwidthShare).rounded())) %", Quantity.bytes(result.cacheBytes),
        ]
        lines.append("| \(cells.joined(separator: " | ")) |")
      }
      return lines.joined(separator: "\n")
    }
  }
}
