import ArgumentParser
import Communication
import Corpus
import Display
import Foundation
import Host
import Inference
import JSON
import Kernels
import Storage
import Training

/// `phd generate`: text from a checkpoint.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Go on from prompts with a checkpoint's model.",
    discussion: """
      The text streams to the terminal as it comes. Prompts may be longer than the samples that the model was trained \
      on. A checkpoint holds its tokenizer where its training corpus did; --tokenizer names one where it does not.
      """)

  @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
  var checkpoint: String

  @Option(help: ArgumentHelp("The text to go on from.", valueName: "text"))
  var prompt: String?

  @Option(help: ArgumentHelp("The tokens to go on from, as numbers.", valueName: "1,2,3"))
  var tokens: String?

  @Option(help: ArgumentHelp("A file of prompts, one a line.", valueName: "file"), completion: .file())
  var prompts: String?

  @Option(
    help: ArgumentHelp(
      "The tokenizer of the text: bytes, a tokenizer.json, or a folder with one.", valueName: "bytes|path"),
    completion: .file())
  var tokenizer: String?

  @Option(help: ArgumentHelp("How many tokens to add at the most.", valueName: "n"))
  var maxNewTokens = 128

  @Option(help: ArgumentHelp("Above 1 flatter, below 1 sharper than the model's own probabilities.", valueName: "x"))
  var temperature: Float = 1

  @Option(help: ArgumentHelp("Draw from the k likeliest tokens only.", valueName: "k"))
  var topK: Int?

  @Option(help: ArgumentHelp("Draw from the fewest tokens whose probabilities sum to p.", valueName: "p"))
  var topP: Float = 1

  @Option(help: ArgumentHelp("Draw from tokens of at least p times the likeliest's probability.", valueName: "p"))
  var minP: Float = 0

  @Option(help: ArgumentHelp("Above 1, what has been seen becomes less likely.", valueName: "x"))
  var repetitionPenalty: Float = 1

  @Option(help: ArgumentHelp("The same seed gives the same tokens.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("End before this text; may be given several times.", valueName: "text"))
  var stop: [String] = []

  @Flag(help: "Go on after a token that ends a text.")
  var ignoreEos = false

  @Flag(help: "Take the likeliest token always.")
  var greedy = false

  @Option(help: ArgumentHelp("Weights and cached keys: fp32, or bf16 for half the memory.", valueName: "type"))
  var precision = ElementType.fp32

  @Option(help: ArgumentHelp("Threads; default: all processors at hand.", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if [prompt, tokens, prompts].count(where: { $0 != nil }) != 1 {
      throw ValidationError("give one of --prompt, --tokens and --prompts")
    }
    if !(1...1 << 32).contains(maxNewTokens) {
      throw ValidationError("--max-new-tokens \(maxNewTokens): expected 1 to \(1 << 32)")
    }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temperature \(temperature): expected 0 or more")
    }
    if let topK, topK < 1 { throw ValidationError("--top-k \(topK): expected 1 or more") }
    if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p \(topP): expected above 0 and at most 1") }
    if !(minP >= 0 && minP <= 1) { throw ValidationError("--min-p \(minP): expected 0 to 1") }
    if !(repetitionPenalty > 0 && repetitionPenalty.isFinite) {
      throw ValidationError("--repetition-penalty \(repetitionPenalty): expected above 0")
    }
    try require(("threads", threads, threadRange))
    if stop.contains("") { throw ValidationError("--stop: expected a text") }
  }

  func run() throws {
    let loaded = try LoadedModel(checkpoint, tokenizer: tokenizer)
    let prompts = try loadPrompts(loaded)
    try checkMemory(loaded, prompts)
    if precision == .bf16, let warning = Processor.bf16Warning {
      ErrorReport.print(toStandardError: "phd: warning: \(warning)")
    }
    let team = try ThreadTeam(count: threads ?? Threads.available)
    var sampling = Sampling(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty)
    if greedy { sampling.temperature = 0 }
    let generation = Generation(
      Decoder(try loaded.withWeights(precision), on: team), maximumTokens: maxNewTokens, sampling: sampling,
      seed: seed, endTokens: ignoreEos ? [] : loaded.endTokens)

    var texts = prompts.map { _ in GeneratedText(stops: stop) }
    let streams = !json && prompts.count == 1 && loaded.text != nil
    let clock = ContinuousClock()
    let begin = clock.now
    let result = try generation.run(
      prompts, seconds: { (clock.now - begin).inSeconds },
      onToken: { sequence, token in
        guard let text = loaded.text else { return true }
        let piece = texts[sequence].add(text.bytes(of: Int(token)))
        if streams { StandardStream.output.write(piece) }
        return !texts[sequence].isStopped
      })
    if streams { StandardStream.output.write(texts[0].finish() + "\n") }
    if json {
      let reports = result.sequences.indices.map { index in
        report(prompts[index], result, index, text: loaded.text != nil ? texts[index].whole() : nil)
      }
      print((reports.count == 1 && self.prompts == nil ? reports[0] : .array(reports)).compact)
    } else if !streams {
      for (sequence, text) in zip(result.sequences, texts) {
        print(loaded.text != nil ? text.whole() : sequence.tokens.map { "\($0)" }.joined(separator: ","))
      }
    }
  }

  private func report(
    _ prompt: [Int32], _ result: (sequences: [GeneratedSequence], prefillSeconds: Double, decodeSeconds: Double),
    _ index: Int, text: String?
  ) -> JSONValue {
    let sequence = result.sequences[index]
    return [
      "prompt_tokens": .array(prompt.map { .integer(Int($0)) }),
      "tokens": .array(sequence.tokens.map { .integer(Int($0)) }),
      "logprobs": .array(sequence.logProbabilities.map { .number(Double($0)) }),
      "text": text.map { .string($0) } ?? .null,
      "prefill_seconds": .number(result.prefillSeconds), "decode_seconds": .number(result.decodeSeconds),
    ]
  }

  private func loadPrompts(_ loaded: LoadedModel) throws -> [[Int32]] {
    if let tokens { return [try parse(tokens, below: loaded.layout.model.vocabularySize)] }
    if let prompt { return [try loaded.tokens(of: prompt, named: "--prompt")] }
    let path = prompts ?? ""
    let lines = try TextFile(path).lines
    if lines.isEmpty { throw InferenceError(.usage, "--prompts \(path): the file is empty") }
    return try lines.map { try loaded.tokens(of: $0.text, named: "\(path), line \($0.number)") }
  }

  private func parse(_ list: String, below vocabulary: Int) throws -> [Int32] {
    let tokens = try list.split(separator: ",", omittingEmptySubsequences: true).map { part in
      guard let token = Int(part.trimmingCharacters(in: .whitespacesAndNewlines)) else {
        throw InferenceError(.usage, "--tokens: \(part) is no number")
      }
      guard token >= 0 && token < vocabulary else {
        throw InferenceError(.usage, "--tokens: \(token) is outside the model's vocabulary of \(vocabulary) tokens")
      }
      return Int32(token)
    }
    if tokens.isEmpty { throw InferenceError(.usage, "--tokens is empty: a model needs a token to go on from") }
    return tokens
  }

  private func checkMemory(_ loaded: LoadedModel, _ prompts: [[Int32]]) throws {
    let weights = InferenceWeights.bytes(loaded.layout, precision)
    let cache = prompts.reduce(0) { sum, prompt in
      sum
        + KVCache.bytes(
          loaded.layout.model, loaded.hiddenDecoding, precision, capacity: prompt.count + maxNewTokens)
    }
    let workspace = Decoder.workspaceBytes(
      loaded.layout.model, loaded.hiddenDecoding, sequences: prompts.count, tokens: prompts.reduce(0) { $0 + $1.count })
    let available = AvailableMemory.bytes
    if weights + cache + workspace > available {
      throw InferenceError(
        .usage,
        "the weights take \(Quantity.bytes(weights)), the KV cache of the prompts and \(maxNewTokens) new tokens "
          + "\(Quantity.bytes(cache)), what is computed \(Quantity.bytes(workspace)); \(Quantity.bytes(available)) are "
          + "available: lower --max-new-tokens, give fewer prompts at once, or take --precision bf16")
    }
  }

}
