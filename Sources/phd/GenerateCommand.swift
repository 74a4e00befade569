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

/// `phd generate`: generates text from a checkpoint.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Generate text from a checkpoint.",
    discussion: """
      With one prompt, the text streams to the terminal. Prompts may be longer than the training samples. A checkpoint \
      contains its tokenizer if the training corpus did; otherwise pass --tokenizer.
      """)

  @OptionGroup var model: ModelOptions

  @Option(help: ArgumentHelp("The prompt.", valueName: "text"))
  var prompt: String?

  @Option(help: ArgumentHelp("The prompt as token ids.", valueName: "1,2,3"))
  var tokens: String?

  @Option(help: ArgumentHelp("A file of prompts, one per line.", valueName: "file"), completion: .file())
  var prompts: String?

  @Option(help: ArgumentHelp("Maximum number of tokens to generate per prompt.", valueName: "n"))
  var maxNewTokens = 128

  @Option(
    help: ArgumentHelp("Divisor of the logits: above 1 for more random text, below 1 for less.", valueName: "x"))
  var temperature: Float = 1

  @Option(help: ArgumentHelp("Sample only from the k most likely tokens.", valueName: "k"))
  var topK: Int?

  @Option(help: ArgumentHelp("Sample from the smallest set of tokens whose probabilities sum to p.", valueName: "p"))
  var topP: Float = 1

  @Option(
    help: ArgumentHelp(
      "Sample only from tokens with at least p times the probability of the most likely token.", valueName: "p"))
  var minP: Float = 0

  @Option(help: ArgumentHelp("Values above 1 make tokens that have occurred less likely.", valueName: "x"))
  var repetitionPenalty: Float = 1

  @Option(help: ArgumentHelp("The seed of the random numbers; equal seeds yield equal tokens.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("Stop before this text; may be repeated.", valueName: "text"))
  var stop: [String] = []

  @Flag(help: "Continue after an end-of-text token.")
  var ignoreEos = false

  @Flag(help: "Always choose the most likely token.")
  var greedy = false

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if [prompt, tokens, prompts].count(where: { $0 != nil }) != 1 {
      throw ValidationError("expected exactly one of --prompt, --tokens and --prompts")
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
    if stop.contains("") { throw ValidationError("--stop: expected a text that is not empty") }
  }

  func run() throws {
    let loaded = try model.load()
    let prompts = try loadPrompts(loaded)
    try requireMemory(loaded, prompts)
    model.warnAboutPrecision()
    let team = try ThreadTeam(count: model.threads ?? Threads.available)
    var sampling = Sampling(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty)
    if greedy { sampling.temperature = 0 }
    let generation = Generation(
      Decoder(try loaded.withWeights(model.precision), on: team), maximumTokens: maxNewTokens, sampling: sampling,
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
        throw InferenceError(.usage, "--tokens: \(part) is not a number")
      }
      guard token >= 0 && token < vocabulary else {
        throw InferenceError(.usage, "--tokens: \(token) is outside the model's vocabulary of \(vocabulary) tokens")
      }
      return Int32(token)
    }
    if tokens.isEmpty { throw InferenceError(.usage, "--tokens is empty: expected at least one token") }
    return tokens
  }

  private func requireMemory(_ loaded: LoadedModel, _ prompts: [[Int32]]) throws {
    var memory = InferenceMemory(loaded, model.precision)
    memory.caches = prompts.reduce(0) { sum, prompt in
      sum
        + KVCache.bytes(
          loaded.layout.model, loaded.hiddenDecoding, model.precision, capacity: prompt.count + maxNewTokens)
    }
    memory.workspace = Decoder.workspaceBytes(
      loaded.layout.model, loaded.hiddenDecoding, sequences: prompts.count, tokens: prompts.reduce(0) { $0 + $1.count })
    try memory.require(
      cachesOf: "the prompts and \(maxNewTokens) new tokens", advice: "lower --max-new-tokens, pass fewer prompts")
  }
}
