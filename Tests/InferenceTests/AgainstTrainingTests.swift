import Kernels
import Testing
import Transformer

@testable import Inference

/// A small model with random weights, and the training forward pass as its reference.
struct Subject {
  let model: InferenceModel
  private let parameters: Buffer
  let team = ThreadTeam()

  init(
    _ decoding: HiddenDecoding, layers: Int = 3, heads: Int = 4, keyValueHeads: Int = 2, hiddenSize: Int = 48,
    tied: Bool = false, architecture: Architecture = .olmo2, _ precision: ElementType = .fp32,
    breaking tensor: String? = nil, element: Int = 0, by value: Float = .nan
  ) {
    // Without a QK norm, larger weights would make attention so peaked that rounding a score to bf16 changes its
    // result.
    let range = architecture == .llama ? 0.15 : 0.3
    let configuration = ModelConfiguration(
      architecture: architecture, vocabularySize: 61, hiddenSize: hiddenSize, intermediateSize: 40, layers: layers,
      queryHeads: heads,
      keyValueHeads: keyValueHeads, initializerRange: range, tieWordEmbeddings: tied)
    let layout = ParameterLayout(configuration)
    parameters = Buffer(count: layout.count)
    layout.initialize(parameters.floats, seed: 5)
    for tensor in layout.tensors where tensor.isNorm {
      for index in tensor.range { parameters.pointer[index] = 1 + 0.2 * Float((index * 7) % 11 - 5) / 5 }
    }
    if let range = tensor.flatMap({ layout[$0]?.range }) { parameters.pointer[range.lowerBound + element] = value }
    if precision == .bf16 {
      // The reference has the same rounded weights, so only the rounding of activations differs.
      for index in 0..<layout.count { parameters.pointer[index] = roundedToBF16(parameters.pointer[index]) }
    }
    model = InferenceModel(InferenceWeights(layout, precision, flat: parameters), decoding)
  }

  /// The logits of the training forward pass at every position.
  func expected(_ tokens: [Int32]) -> [[Float]] {
    let pass = ModelPass(
      PassShape(
        model: model.configuration, hiddenDecoding: model.hiddenDecoding, sequences: 1, positions: tokens.count),
      layout: model.weights.layout, trains: false, on: team)
    var result: [[Float]] = []
    (tokens + [0]).withUnsafeBufferPointer {
      pass.logits(parameters: parameters.pointer, tokens: SequenceTokens($0)) { _, logits in
        for row in 0..<logits.rows {
          result.append((0..<logits.columns).map { logits.pointer[row * logits.stride + $0] })
        }
      }
    }
    return result
  }

  static func tokens(_ count: Int, seed: Int = 1) -> [Int32] {
    (0..<count).map { Int32((($0 + seed) * ($0 + 3 * seed) * 31 + $0 * 7) % 61) }
  }
}

/// Rounds to the nearest bf16 value, ties to even.
private func roundedToBF16(_ value: Float) -> Float {
  Float(bitPattern: (value.bitPattern + 0x7fff + (value.bitPattern >> 16 & 1)) & 0xffff_0000)
}

/// ‖a − b‖ / ‖b‖.
func relativeDifference(_ a: [Float], _ b: [Float]) -> Float {
  let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}

let patterns: [HiddenDecoding] = [
  .vanilla, HiddenDecoding(pattern: .phd, repeats: 2), HiddenDecoding(pattern: .phd, repeats: 5),
  HiddenDecoding(pattern: .swa, repeats: 2, window: 5), HiddenDecoding(pattern: .swa, repeats: 3, window: 90),
  HiddenDecoding(pattern: .cswa, repeats: 2, window: 5, chunk: 16),
  HiddenDecoding(pattern: .cswa, repeats: 3, window: 20, chunk: 7),
  HiddenDecoding(pattern: .cswa, repeats: 2, window: 4, chunk: 1), HiddenDecoding(pattern: .naive, repeats: 2),
  HiddenDecoding(pattern: .naive, repeats: 3),
]

/// Logits computed with a cache equal those of the training forward pass at every position, however the text is divided
/// into calls.
@Suite struct AgainstTrainingTests {
  private let bound: Float = 1e-4

  @Test(arguments: patterns, Architecture.allCases)
  func `logits are right for every split of a text into prefill and decode`(
    _ decoding: HiddenDecoding, _ architecture: Architecture
  ) {
    let subject = Subject(decoding, architecture: architecture)
    let tokens = Subject.tokens(70)
    let expected = subject.expected(tokens)
    let decoder = Decoder(subject.model, on: subject.team)
    var worst: Float = 0
    var seen = 0
    for split in 1...tokens.count {
      let cache = KVCache(for: subject.model, capacity: tokens.count)
      func extend(_ part: ArraySlice<Int32>) {
        decoder.extend([cache], by: [Array(part)]) { _, position, logits in
          worst = max(worst, relativeDifference(Array(logits), expected[position]))
          seen += 1
        }
      }
      extend(tokens[..<split])
      for position in split..<tokens.count { extend(tokens[position...position]) }
      #expect(cache.length == tokens.count)
    }
    #expect(worst < bound, "\(worst)")
    #expect(seen == tokens.count * (tokens.count + 1) / 2)
  }

  @Test(arguments: patterns)
  func `logits of all tokens are right for pieces of any length`(_ decoding: HiddenDecoding) {
    let subject = Subject(decoding)
    let tokens = Subject.tokens(70)
    let expected = subject.expected(tokens)
    // One decoder that computes the text in one pass, and one that splits it.
    for rowsPerPass in [2048, 9] {
      let decoder = Decoder(subject.model, rowsPerPass: rowsPerPass, on: subject.team)
      for lengths in [[70], [1, 69], [16, 16, 38], [15, 2, 30, 23], [33, 1, 1, 35], [7, 7, 7, 49]] {
        for wanted in [WantedLogits.all, .last] {
          let cache = KVCache(for: subject.model, capacity: 100)
          var worst: Float = 0
          var seen: [Int] = []
          for length in lengths {
            let part = Array(tokens[cache.length..<cache.length + length])
            decoder.extend([cache], by: [part], logits: wanted) { _, position, logits in
              worst = max(worst, relativeDifference(Array(logits), expected[position]))
              seen.append(position)
            }
          }
          #expect(worst < bound, "\(lengths) \(wanted) \(rowsPerPass): \(worst)")
          let ends = lengths.indices.map { lengths[...$0].reduce(0, +) - 1 }
          #expect(seen == (wanted == .all ? Array(0..<70) : ends))
        }
      }
    }
  }

  @Test(arguments: patterns, Architecture.allCases)
  func `logits of five sequences of different lengths are right`(
    _ decoding: HiddenDecoding, _ architecture: Architecture
  ) {
    let subject = Subject(decoding, architecture: architecture)
    let texts = [70, 3, 32, 48, 17].enumerated().map { Subject.tokens($1, seed: $0 + 2) }
    let expected = texts.map { subject.expected($0) }
    let decoder = Decoder(subject.model, on: subject.team)
    let caches = texts.map { KVCache(for: subject.model, capacity: $0.count) }
    var worst: Float = 0
    func extend(_ indices: [Int], _ parts: [[Int32]]) {
      decoder.extend(indices.map { caches[$0] }, by: parts) { sequence, position, logits in
        worst = max(worst, relativeDifference(Array(logits), expected[indices[sequence]][position]))
      }
    }
    extend(Array(0..<5), texts.map { Array($0[..<($0.count / 2 + 1)]) })
    while true {
      let open = texts.indices.filter { caches[$0].length < texts[$0].count }
      if open.isEmpty { break }
      extend(open, open.map { [texts[$0][caches[$0].length]] })
    }
    #expect(worst < bound, "\(worst)")
  }

  @Test(arguments: patterns)
  func `logits are right for odd head sizes, one layer and several threads`(_ decoding: HiddenDecoding) throws {
    for (layers, heads, keyValueHeads, hiddenSize) in [(1, 3, 3, 30), (2, 4, 1, 64), (2, 2, 2, 12)] {
      let subject = Subject(
        decoding, layers: layers, heads: heads, keyValueHeads: keyValueHeads, hiddenSize: hiddenSize)
      let tokens = Subject.tokens(40)
      let expected = subject.expected(tokens)
      let decoder = Decoder(subject.model, on: try ThreadTeam(count: 3))
      let cache = KVCache(for: subject.model, capacity: 40)
      for part in [tokens[..<30], tokens[30..<31], tokens[31...]] {
        decoder.extend([cache], by: [Array(part)], logits: .all) { _, position, logits in
          let difference = relativeDifference(Array(logits), expected[position])
          #expect(difference < bound, "\(position): \(difference)")
        }
      }
    }
  }

  @Test(arguments: ElementType.allCases)
  func `logits are right with tied embeddings`(_ precision: ElementType) {
    let subject = Subject(.vanilla, tied: true, precision)
    let tokens = Subject.tokens(30)
    let expected = subject.expected(tokens)
    let cache = KVCache(for: subject.model, capacity: 30)
    Decoder(subject.model, on: subject.team).extend([cache], by: [tokens], logits: .all) { _, position, logits in
      let difference = relativeDifference(Array(logits), expected[position])
      #expect(difference < (precision == .fp32 ? bound : 3e-2), "\(position): \(difference)")
    }
  }

  @Test(arguments: patterns, Architecture.allCases)
  func `logits in bf16 are right up to rounding, for pieces of any length`(
    _ decoding: HiddenDecoding, _ architecture: Architecture
  ) {
    let subject = Subject(decoding, architecture: architecture, .bf16)
    let tokens = Subject.tokens(200)
    let expected = subject.expected(tokens)
    let decoder = Decoder(subject.model, on: subject.team)
    for lengths in [[200], [130, 1, 1, 1, 67], [7, 33, 1, 159]] {
      let cache = KVCache(for: subject.model, capacity: 200)
      var differences: [Float] = []
      for length in lengths {
        let part = Array(tokens[cache.length..<cache.length + length])
        decoder.extend([cache], by: [part], logits: .all) { _, position, logits in
          differences.append(relativeDifference(Array(logits), expected[position]))
        }
      }
      let meanSquare = differences.reduce(0) { $0 + $1 * $1 } / Float(differences.count)
      #expect(differences.count == 200 && meanSquare.squareRoot() < 1e-2, "\(lengths): \(meanSquare.squareRoot())")
      #expect(differences.allSatisfy { $0 < 5e-2 }, "\(lengths): \(differences.max() ?? 0)")
    }
  }

  @Test(arguments: patterns)
  func `logits of a text longer than a block of keys are right`(_ decoding: HiddenDecoding) {
    let subject = Subject(decoding, layers: 2)
    let tokens = Subject.tokens(600)
    let expected = subject.expected(tokens)
    let decoder = Decoder(subject.model, on: subject.team)
    let cache = KVCache(for: subject.model, capacity: 600)
    for part in [tokens[..<590], tokens[590..<591], tokens[591...]] {
      decoder.extend([cache], by: [Array(part)]) { _, position, logits in
        let difference = relativeDifference(Array(logits), expected[position])
        #expect(difference < bound, "\(position): \(difference)")
      }
    }
  }

  @Test func `a cache holds the vanilla cache and only the hidden keys of the window`() {
    func bytes(_ decoding: HiddenDecoding, _ capacity: Int, _ precision: ElementType = .fp32) -> Int {
      let model = Subject(decoding, keyValueHeads: 2, hiddenSize: 64, precision).model
      let bytes = KVCache(for: model, capacity: capacity).bytes
      #expect(bytes == KVCache.bytes(model.configuration, decoding, precision, capacity: capacity))
      return bytes
    }
    // Layers · 2 · g · e floats per token.
    let token = 3 * 2 * 2 * 16 * 4
    let vanilla = bytes(.vanilla, 1024)
    #expect(vanilla == 1024 * token)
    #expect(bytes(.vanilla, 1024, .bf16) == vanilla / 2)
    #expect(bytes(HiddenDecoding(pattern: .phd, repeats: 8), 1024) == vanilla)
    #expect(bytes(HiddenDecoding(pattern: .naive, repeats: 3), 1024) == 3 * vanilla)
    // 15 positions with two hidden copies each, in whole panels of 64.
    #expect(bytes(HiddenDecoding(pattern: .swa, repeats: 3, window: 16), 1024) == vanilla + 64 * token)
    #expect(bytes(HiddenDecoding(pattern: .swa, repeats: 3, window: 16), 4096) == 4 * vanilla + 64 * token)
    #expect(bytes(HiddenDecoding(pattern: .cswa, repeats: 3, window: 90, chunk: 16), 1024) == vanilla + 64 * token)
  }
}
