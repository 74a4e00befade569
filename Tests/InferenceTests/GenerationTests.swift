import Foundation
import Kernels
import Testing
import Transformer

@testable import Inference

@Suite struct GenerationTests {
  private func generate(
    _ subject: Subject, _ prompts: [[Int32]], count: Int, sampling: Sampling = .greedy, seed: UInt64 = 0,
    endTokens: Set<Int32> = []
  ) throws -> [GeneratedSequence] {
    let generation = Generation(
      Decoder(subject.model, on: subject.team), maximumTokens: count, sampling: sampling, seed: seed,
      endTokens: endTokens)
    return try generation.run(prompts, seconds: { 0 }, onToken: { _, _ in true }).sequences
  }

  @Test(arguments: patterns)
  func `greedy tokens are those of an argmax over full forward passes`(_ decoding: HiddenDecoding) throws {
    let subject = Subject(decoding)
    let prompts = [Subject.tokens(21), Subject.tokens(4, seed: 3)]
    let generated = try generate(subject, prompts, count: 20)
    for (prompt, sequence) in zip(prompts, generated) {
      var text = prompt
      for index in 0..<20 {
        let logits = subject.expected(text)[text.count - 1]
        let best = logits.indices.max { logits[$0] < logits[$1] } ?? 0
        #expect(sequence.tokens[index] == Int32(best))
        let sum = logits.reduce(0.0) { $0 + Double(exp(Double($1 - logits[best]))) }
        #expect(abs(Double(sequence.logProbabilities[index]) + log(sum)) < 1e-3)
        text.append(Int32(best))
      }
    }
  }

  @Test func `a seed gives the same tokens alone and in a batch, and another seed different ones`() throws {
    let subject = Subject(HiddenDecoding(pattern: .cswa, repeats: 2, window: 5, chunk: 16))
    let prompt = Subject.tokens(9)
    let sampling = Sampling(temperature: 2)
    let once = try generate(subject, [prompt], count: 30, sampling: sampling, seed: 4)[0].tokens
    #expect(try generate(subject, [prompt], count: 30, sampling: sampling, seed: 4)[0].tokens == once)
    #expect(try generate(subject, [prompt, [3, 4]], count: 30, sampling: sampling, seed: 4)[0].tokens == once)
    #expect(try generate(subject, [prompt], count: 30, sampling: sampling, seed: 5)[0].tokens != once)
  }

  @Test func `long prompts give the same bits alone and in a batch`() throws {
    let subject = Subject(HiddenDecoding(pattern: .swa, repeats: 4, window: 16), layers: 8)
    let prompts = [Subject.tokens(200), Subject.tokens(400, seed: 2), Subject.tokens(600, seed: 3)]
    let together = try generate(subject, prompts, count: 2)
    for (prompt, sequence) in zip(prompts, together) {
      #expect(try generate(subject, [prompt], count: 2)[0].logProbabilities == sequence.logProbabilities)
    }
  }

  @Test func `the end token ends its sequence only and is not part of it`() throws {
    let subject = Subject(.vanilla)
    let prompts = [Subject.tokens(9), Subject.tokens(5, seed: 2)]
    let free = try generate(subject, prompts, count: 12, sampling: Sampling(temperature: 3), seed: 1)
    let end = free[0].tokens[4]
    let ended = try generate(
      subject, prompts, count: 12, sampling: Sampling(temperature: 3), seed: 1, endTokens: [end, 60])
    for (whole, cut) in zip(free, ended) { #expect(cut.tokens == Array(whole.tokens.prefix { $0 != end })) }
    #expect(ended[0].tokens.count <= 4)
  }

  @Test(arguments: [Float.nan, .infinity])
  func `a logit that is not finite ends the generation`(_ value: Float) throws {
    // The head's row of a token that is neither in the prompt nor among the most likely ones.
    let subject = Subject(.vanilla, breaking: "lm_head.weight", element: 60 * 48 + 5, by: value)
    for sampling in [Sampling.greedy, Sampling(temperature: 1, topK: 2)] {
      let error = #expect(throws: InferenceError.self) {
        try generate(subject, [[3, 4], [5]], count: 3, sampling: sampling)
      }
      #expect(error?.kind == .notFinite && error?.description.contains("prompt 1, after 2 tokens") == true)
    }
  }
}

@Suite struct SamplerTests {
  /// The frequency with which each token is sampled.
  private func shares(_ logits: [Float], _ sampling: Sampling, seen: Set<Int32> = []) -> [Double] {
    var sampler = Sampler(sampling, seed: 11)
    var counts = [Double](repeating: 0, count: logits.count)
    let draws = 20_000
    logits.withUnsafeBufferPointer { for _ in 0..<draws { counts[Int(sampler.next($0, seen: seen).token)] += 1 } }
    return counts.map { $0 / Double(draws) }
  }

  /// Expects frequencies within four standard deviations.
  private func expect(_ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    for (found, expected) in zip(found, expected) {
      let bound = 4 * (expected * (1 - expected) / 20_000).squareRoot()
      #expect(abs(found - expected) <= bound, sourceLocation: sourceLocation)
    }
  }

  private let logits = [0.4, 0.05, 0.3, 0.15, 0.1].map { Float(log($0)) }

  @Test func `tokens are sampled with their probabilities`() {
    expect(shares(logits, Sampling()), [0.4, 0.05, 0.3, 0.15, 0.1])
    let squares = [0.4, 0.05, 0.3, 0.15, 0.1].map { $0 * $0 }
    expect(shares(logits, Sampling(temperature: 0.5)), squares.map { $0 / squares.reduce(0, +) })
  }

  @Test func `top-k, top-p and min-p select the expected tokens`() {
    expect(shares(logits, Sampling(topK: 2)), [4.0 / 7, 0, 3.0 / 7, 0, 0])
    expect(shares(logits, Sampling(topK: 9)), [0.4, 0.05, 0.3, 0.15, 0.1])
    expect(shares(logits, Sampling(topP: 0.69)), [4.0 / 7, 0, 3.0 / 7, 0, 0])
    expect(shares(logits, Sampling(topP: 0.72)), [0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85, 0])
    expect(shares(logits, Sampling(topP: 0.001)), [1, 0, 0, 0, 0])
    expect(shares(logits, Sampling(minP: 0.3)), [0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85, 0])
    // Of equal logits the first are selected.
    expect(shares([1, 2, 2, 2], Sampling(topK: 2)), [0, 0.5, 0.5, 0])
  }

  @Test func `the repetition penalty lowers the logits of seen tokens, whatever their sign`() {
    let found = shares([2, 2, -1, -1], Sampling(repetitionPenalty: 2), seen: [0, 2])
    let weights = [exp(1.0), exp(2.0), exp(-2.0), exp(-1.0)]
    expect(found, weights.map { $0 / weights.reduce(0, +) })
  }
}
