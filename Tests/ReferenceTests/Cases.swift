import Reference
import Testing
import Transformer

/// A model's shape, its pattern and its input sequences, with deliberately odd sizes.
struct Case: Sendable, CustomTestStringConvertible {
  var pattern: ReferencePattern
  /// T of each sequence.
  var positions: [Int]
  var heads = 4
  var keyValueHeads = 2
  var tied = false
  var seed: UInt64 = 1
  var architecture = ReferenceModel.Architecture.olmo2

  var testDescription: String {
    "\(architecture) \(pattern), T \(positions), \(heads) heads, \(keyValueHeads) kv heads\(tied ? ", tied" : "")"
  }

  var model: ReferenceModel {
    let dimensions = ReferenceModel.Dimensions(
      architecture: architecture, vocabularySize: 23, hiddenSize: 6 * heads, intermediateSize: 19, layers: 2,
      heads: heads,
      keyValueHeads: keyValueHeads, tieWordEmbeddings: tied)
    return .random(seed: seed, dimensions: dimensions, pattern: pattern)
  }

  /// Sequences of T + 1 tokens each.
  var sequences: [[Int]] {
    var generator = SplitMix64(seed: seed &+ 1000)
    return positions.map { generator.tokens($0 + 1, vocabularySize: 23) }
  }

  /// All kinds; K up to 5; odd T and sequences of different lengths; C that does not divide T; W and C greater than T;
  /// W greater than C.
  static let all = [
    Case(pattern: .vanilla, positions: [9, 9]),
    Case(pattern: .vanilla, positions: [11], heads: 3, keyValueHeads: 1, tied: true, seed: 2),
    Case(pattern: .phd(repeats: 2), positions: [7, 3], seed: 3),
    Case(pattern: .phd(repeats: 5), positions: [7], heads: 2, keyValueHeads: 1, tied: true, seed: 4),
    Case(pattern: .swa(repeats: 3, window: 4), positions: [11], seed: 5),
    Case(pattern: .swa(repeats: 2, window: 16), positions: [9, 5], heads: 4, keyValueHeads: 4, seed: 6),
    Case(pattern: .swa(repeats: 5, window: 3), positions: [7], keyValueHeads: 1, tied: true, seed: 7),
    Case(pattern: .cswa(repeats: 3, window: 4, chunk: 5), positions: [13], seed: 8),
    Case(pattern: .cswa(repeats: 2, window: 16, chunk: 4), positions: [11, 6], keyValueHeads: 1, seed: 9),
    Case(pattern: .cswa(repeats: 5, window: 2, chunk: 3), positions: [7], heads: 2, keyValueHeads: 2, seed: 10),
    Case(pattern: .cswa(repeats: 2, window: 3, chunk: 16), positions: [5], heads: 3, keyValueHeads: 3, seed: 11),
    Case(pattern: .naive(repeats: 2), positions: [9, 3], seed: 12),
    Case(pattern: .naive(repeats: 5), positions: [5], heads: 2, keyValueHeads: 1, tied: true, seed: 13),
    Case(pattern: .vanilla, positions: [9, 4], seed: 14, architecture: .llama),
    Case(pattern: .phd(repeats: 3), positions: [6], keyValueHeads: 1, tied: true, seed: 15, architecture: .llama),
    Case(pattern: .cswa(repeats: 3, window: 4, chunk: 5), positions: [9, 3], seed: 16, architecture: .llama),
    Case(pattern: .naive(repeats: 2), positions: [7], seed: 17, architecture: .llama),
  ]

  static let hiddenDecoding = all.filter { [.phd, .swa, .cswa].contains($0.pattern.kind) }
}

/// Patterns with K = 1, which must be equal to vanilla.
let oneCopy = [
  ReferencePattern.phd(repeats: 1), .swa(repeats: 1, window: 4), .cswa(repeats: 1, window: 4, chunk: 3),
  .naive(repeats: 1),
]
