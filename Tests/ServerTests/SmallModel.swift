import Corpus
import Inference
import Kernels
import Synchronization
import TestSupport
import Transformer

@testable import Server

/// A model with random weights. Its vocabulary contains the bytes and a few tokens without text.
enum SmallModel {
  static let vocabularySize = 262

  static let configuration = ModelConfiguration(
    architecture: .olmo2, vocabularySize: vocabularySize, hiddenSize: 32, intermediateSize: 40, layers: 2,
    queryHeads: 2, keyValueHeads: 1, initializerRange: 0.3, tieWordEmbeddings: false)

  static let patterns: [HiddenDecoding] = [
    .vanilla, HiddenDecoding(pattern: .cswa, repeats: 2, window: 5, chunk: 16),
    HiddenDecoding(pattern: .naive, repeats: 2),
  ]

  /// The model's parameters as one buffer.
  static func parameters(brokenToken: Int? = nil) -> (layout: ParameterLayout, parameters: Buffer) {
    let layout = ParameterLayout(configuration)
    let parameters = Buffer(count: layout.count)
    layout.initialize(parameters.floats, seed: 5)
    for tensor in layout.tensors where tensor.isNorm {
      for index in tensor.range { parameters.pointer[index] = 1 + 0.2 * Float((index * 7) % 11 - 5) / 5 }
    }
    if let brokenToken, let embedding = layout["model.embed_tokens.weight"] {
      parameters.pointer[embedding.range.lowerBound + brokenToken * configuration.hiddenSize + 3] = .nan
    }
    return (layout, parameters)
  }

  /// - Parameter brokenToken: a token whose embedding contains NaN.
  static func decoder(_ decoding: HiddenDecoding, brokenToken: Int? = nil) -> Decoder {
    let (layout, parameters) = parameters(brokenToken: brokenToken)
    let model = InferenceModel(InferenceWeights(layout, .fp32, flat: parameters), decoding)
    return Decoder(model, on: ThreadTeam())
  }

  static func served(text: TokenText? = .bytes, maximumLength: Int = 2000, maximumSequences: Int = 64) -> ServedModel {
    ServedModel(
      name: "small", vocabularySize: vocabularySize, text: text, endTokens: [256], maximumLength: maximumLength,
      maximumSequences: maximumSequences)
  }

  static func tokens(_ count: Int, seed: Int = 1) -> [Int32] {
    (0..<count).map { Int32((($0 + seed) * ($0 + 3 * seed) * 31 + $0 * 7) % 256) }
  }
}

/// Records the events of sequences.
final class Recorder: SequenceListener {
  struct Record: Equatable {
    var promptScores: [TokenScore] = []
    var promptsDone = 0
    var tokens: [Int32] = []
    var scores: [TokenScore] = []
    var reason: EndReason?
  }

  private let records = Mutex<[Int: Record]>([:])
  private let cancelled = Atomic<Bool>(false)

  var all: [Int: Record] { records.withLock { $0 } }

  func cancel() { cancelled.store(true, ordering: .relaxed) }

  var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  func promptScored(_ sequence: Int, _ scores: [TokenScore]) {
    records.withLock { $0[sequence, default: Record()].promptScores += scores }
  }

  func promptDone(_ sequence: Int) { records.withLock { $0[sequence, default: Record()].promptsDone += 1 } }

  func generated(_ sequence: Int, _ token: Int32, _ score: TokenScore?, ends: Bool) -> Bool {
    records.withLock { records in
      records[sequence, default: Record()].tokens.append(token)
      if let score { records[sequence]?.scores.append(score) }
    }
    return true
  }

  func ended(_ sequence: Int, _ reason: EndReason) {
    records.withLock { $0[sequence, default: Record()].reason = reason }
  }

  /// Waits until `count` sequences have ended.
  func wait(for count: Int, seconds: Double = 60) -> Bool {
    var patience = Patience(seconds: seconds)
    while all.values.count(where: { $0.reason != nil }) < count {
      guard patience.sleep(milliseconds: 2) else { return false }
    }
    return true
  }
}

/// Waits until a condition is true.
func eventually(seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  var patience = Patience(seconds: seconds)
  while try !condition() {
    guard patience.sleep(milliseconds: 5) else { return try condition() }
  }
  return true
}
