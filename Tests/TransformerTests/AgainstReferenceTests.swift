import Kernels
import Reference
import Testing

@testable import Transformer

/// A model, pattern and number of positions for tests against the reference.
struct Case: Sendable, CustomStringConvertible {
  var pattern: ReferencePattern
  var positions: Int
  var heads = 4
  var keyValueHeads = 2
  var hiddenSize = 48
  var layers = 2
  var sequences = 2
  var tied = false
  var architecture = ReferenceModel.Architecture.olmo2

  var description: String {
    "\(architecture) \(pattern), T \(positions), heads \(heads)/\(keyValueHeads), d \(hiddenSize), L \(layers), B \(sequences)"
      + (tied ? ", tied" : "")
  }

  func model(seed: UInt64 = 7) -> ReferenceModel {
    let dimensions = ReferenceModel.Dimensions(
      architecture: architecture, vocabularySize: 61, hiddenSize: hiddenSize, intermediateSize: 40, layers: layers,
      heads: heads,
      keyValueHeads: keyValueHeads, tieWordEmbeddings: tied)
    return ReferenceModel.random(seed: seed, dimensions: dimensions, pattern: pattern)
  }

  func tokens(seed: UInt64 = 3) -> [[Int]] {
    var generator = SplitMix64(seed: seed)
    return (0..<sequences).map { _ in (0...positions).map { _ in Int.random(in: 0..<61, using: &generator) } }
  }

  static let all: [Case] = [
    Case(pattern: .vanilla, positions: 1),
    Case(pattern: .vanilla, positions: 23),
    Case(pattern: .vanilla, positions: 37, heads: 3, keyValueHeads: 3, hiddenSize: 30, tied: true),
    Case(pattern: .phd(repeats: 2), positions: 19),
    Case(pattern: .phd(repeats: 5), positions: 13, keyValueHeads: 1),
    Case(pattern: .swa(repeats: 2, window: 5), positions: 33),
    Case(pattern: .swa(repeats: 3, window: 90), positions: 21, layers: 3),
    Case(pattern: .swa(repeats: 5, window: 3), positions: 17, keyValueHeads: 4, tied: true),
    Case(pattern: .cswa(repeats: 2, window: 4, chunk: 7), positions: 31),
    Case(pattern: .cswa(repeats: 3, window: 9, chunk: 4), positions: 22, keyValueHeads: 1),
    Case(pattern: .cswa(repeats: 5, window: 16, chunk: 100), positions: 27),
    Case(pattern: .cswa(repeats: 4, window: 2, chunk: 1), positions: 9, layers: 1),
    Case(pattern: .naive(repeats: 2), positions: 25),
    Case(pattern: .naive(repeats: 5), positions: 11, keyValueHeads: 1, layers: 1),
    Case(pattern: .vanilla, positions: 1, architecture: .llama),
    Case(
      pattern: .vanilla, positions: 37, heads: 3, keyValueHeads: 3, hiddenSize: 30, tied: true, architecture: .llama),
    Case(pattern: .phd(repeats: 3), positions: 13, keyValueHeads: 1, architecture: .llama),
    Case(pattern: .swa(repeats: 2, window: 5), positions: 33, layers: 3, architecture: .llama),
    Case(pattern: .cswa(repeats: 3, window: 9, chunk: 4), positions: 22, tied: true, architecture: .llama),
    Case(pattern: .cswa(repeats: 4, window: 2, chunk: 1), positions: 9, layers: 1, architecture: .llama),
    Case(pattern: .naive(repeats: 2), positions: 25, architecture: .llama),
  ]

  /// Cases long enough for several blocks of queries and of keys.
  static let long: [Case] = [
    Case(pattern: .cswa(repeats: 3, window: 16, chunk: 50), positions: 300, hiddenSize: 16, sequences: 1),
    Case(pattern: .swa(repeats: 2, window: 40), positions: 290, keyValueHeads: 4, hiddenSize: 16, sequences: 1),
    Case(pattern: .naive(repeats: 2), positions: 150, keyValueHeads: 1, hiddenSize: 16, sequences: 1),
  ]
}

@Suite struct AgainstReferenceTests {
  @Test(arguments: Case.all + Case.long)
  func `logits, losses and gradients equal the double-precision reference`(_ shape: Case) throws {
    let reference = shape.model()
    let tokens = shape.tokens()
    let subject = Subject(reference, sequences: shape.sequences, positions: shape.positions)
    let expected = tokens.flatMap { reference.logits(tokens: Array($0.dropLast())).flatMap { $0 } }
    #expect(relativeDifference(subject.logits(tokens), expected) < 2e-5)

    let expectedLoss = reference.lossAndGradient(sequences: tokens, zLoss: 1e-3)
    let sums = subject.lossAndGradient(tokens, zLoss: 1e-3)
    #expect(sums.tokens == shape.sequences * shape.positions)
    #expect(abs(sums.crossEntropy / Double(sums.tokens) - expectedLoss.crossEntropy) < 2e-5 * expectedLoss.crossEntropy)
    #expect(abs(1e-3 * sums.squaredLogSumExp / Double(sums.tokens) - expectedLoss.zTerm) < 2e-5 * expectedLoss.zTerm)
    for tensor in subject.layout.tensors {
      let got = subject.gradient(of: tensor, dividedBy: sums.tokens)
      let expected = try #require(expectedLoss.gradient[tensor.name])
      if expected.allSatisfy({ $0 == 0 }) {
        // With a single key the softmax is always 1, so the exact gradient is 0 and ours is only rounding error.
        #expect(got.allSatisfy { abs($0) < 1e-6 }, "\(tensor.name)")
        continue
      }
      let difference = relativeDifference(got, expected)
      #expect(difference < 2e-5, "\(tensor.name): \(difference)")
    }
  }
}
