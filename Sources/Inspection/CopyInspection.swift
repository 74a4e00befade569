import Configuration
import Corpus
import Foundation
import Host
import Kernels
import RunFiles
import Transformer

/// Statistics of a model's hidden copies: the distance of each copy from the previous one after each layer, and the head's
/// prediction from each copy.
///
/// Only the last copy was trained to predict; the predictions from the other copies show how the output develops.
public struct CopyInspection: Sendable {
  /// The state of one copy after one layer, as means over all positions.
  public struct State: Sendable {
    /// ‖x‖.
    public internal(set) var norm = 0.0
    /// The cosine between the copy x and the token's previous copy x′. Nil for the original.
    public internal(set) var cosine: Double?
    /// ‖x − x′‖ / ‖x′‖. Nil for the original.
    public internal(set) var change: Double?
  }

  /// The head's prediction from one copy, as means over all target tokens.
  public struct Reading: Sendable {
    /// −log p(target), nats.
    public internal(set) var loss = 0.0
    /// The entropy of the prediction, nats.
    public internal(set) var entropy = 0.0
  }

  public let checkpoint: String
  public let step: Int
  public let decoding: HiddenDecoding
  public let sequences: Int
  /// Target tokens; with a document mask, without each document's first token.
  public let tokens: Int
  /// [layer][copy].
  public private(set) var layers: [[State]]
  /// One per copy.
  public private(set) var readings: [Reading]

  /// Inspects a model on the first samples of a corpus, with a document mask if the model was trained with one.
  ///
  /// - Parameters:
  ///   - corpus: a path or a glob.
  ///   - sequenceLength: target tokens per sample; nil for the length in the model's training.
  ///   - sequences: the maximum number of samples.
  ///   - threads: nil for all available processors.
  ///   - progress: called with the number of finished samples and their total.
  /// - Throws: `StorageError`, `ConfigurationError`, `InvalidFileError`, `NoTargetError`, `ResourceError`;
  ///   `NotFiniteLossError`.
  public init(
    checkpoint path: String, corpus: String, sequenceLength: Int? = nil, sequences: Int, threads: Int? = nil,
    progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) throws {
    let report = try CheckpointReport(path)
    let saved = report.saved
    guard let length = sequenceLength ?? saved.sequenceLength else {
      throw ConfigurationError("\(path) does not contain the samples' length: pass --sequence-length")
    }
    let source = try DataSource(corpus, sequenceLength: length)
    if saved.documentMask { try source.requireDocuments() }
    try TokenizerIdentity.check([source], against: report.checkpoint)
    let (layout, parameters) = try report.readWeights()
    let threads = threads ?? Threads.available
    let pass = ModelPass(
      PassShape(
        model: saved.model, hiddenDecoding: saved.hiddenDecoding, sequences: 1, positions: length, everyCopy: true),
      layout: layout, trains: false, on: try ThreadTeam(count: threads))
    let reader = SampleReader([source], vocabularySize: saved.model.vocabularySize, documentMask: saved.documentMask)
    let buffer = SampleBuffer(sequences: 1, sequenceLength: length, documentMask: saved.documentMask)

    checkpoint = path
    step = report.checkpoint.step
    decoding = saved.hiddenDecoding
    self.sequences = min(sequences, source.sampleCount)
    var sums = Sums(layers: saved.model.layers, copies: saved.hiddenDecoding.repeats)
    var check = try SampleCheck(source)
    for sample in 0..<self.sequences {
      try reader.read(sample, of: 0, to: 0, in: buffer)
      check.add(buffer, sequences: 1)
      let tokens = SequenceTokens(
        UnsafeBufferPointer(buffer.tokens), positions: buffer.positions.map { UnsafeBufferPointer($0) })
      pass.inspectCopies(parameters: parameters.pointer, tokens: tokens) { layer, stream in
        sums.add(stream, after: layer)
      } prediction: { prediction in
        sums.add(prediction)
      }
      progress(sample + 1, self.sequences)
    }
    try check.finish(
      (0..<self.sequences).map { $0..<$0 + 1 }, vocabularySize: saved.model.vocabularySize,
      documentMask: saved.documentMask, in: buffer)
    guard sums.targets > 0 else { throw NoTargetError(place: corpus) }
    tokens = sums.targets
    (layers, readings) = sums.means(rows: self.sequences * length)
    if let copy = readings.firstIndex(where: { !$0.loss.isFinite }) {
      throw NotFiniteLossError(place: "copy \(copy + 1) on \(corpus)", loss: readings[copy].loss)
    }
  }

  /// The sums for the means.
  struct Sums {
    private var layers: [[State]]
    private var readings: [Reading]
    private(set) var targets = 0

    init(layers: Int, copies: Int) {
      let states = (0..<copies).map { copy in
        State(cosine: copy == 0 ? nil : 0, change: copy == 0 ? nil : 0)
      }
      self.layers = Array(repeating: states, count: layers)
      readings = Array(repeating: Reading(), count: copies)
    }

    /// - Parameter stream: [copies · rows, d], ordered [copy][row].
    mutating func add(_ stream: Matrix, after layer: Int) {
      let copies = layers[layer].count
      let (rows, d) = (stream.rows / copies, stream.columns)
      for copy in 0..<copies {
        for row in 0..<rows {
          let x = stream.pointer + (copy * rows + row) * stream.stride
          let norm = CopyInspection.product(x, x, d).squareRoot()
          layers[layer][copy].norm += norm
          guard copy > 0 else { continue }
          let before = x - rows * stream.stride
          let normBefore = CopyInspection.product(before, before, d).squareRoot()
          // A row of zeros has no direction.
          if norm > 0 && normBefore > 0 {
            layers[layer][copy].cosine? += CopyInspection.product(x, before, d) / norm / normBefore
            layers[layer][copy].change? += CopyInspection.distance(x, before, d) / normBefore
          }
        }
      }
    }

    mutating func add(_ prediction: ModelPass.Prediction) {
      guard let target = prediction.target else { return }
      if prediction.copy == 0 { targets += 1 }
      let p = kernels.crossEntropy.logProbability(of: target, prediction.logits)
      readings[prediction.copy].loss -= prediction.logits.areFinite ? p.logProbability : .nan
      readings[prediction.copy].entropy += Double(kernels.crossEntropy.entropy(prediction.logits))
    }

    func means(rows: Int) -> ([[State]], [Reading]) {
      let (rows, targets) = (Double(rows), Double(targets))
      return (
        layers.map { layer in
          layer.map {
            State(norm: $0.norm / rows, cosine: $0.cosine.map { $0 / rows }, change: $0.change.map { $0 / rows })
          }
        },
        readings.map { Reading(loss: $0.loss / targets, entropy: $0.entropy / targets) }
      )
    }
  }

  private static func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    for index in 0..<count { sum += Double(a[index]) * Double(b[index]) }
    return sum
  }

  private static func distance(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    for index in 0..<count {
      let difference = Double(a[index]) - Double(b[index])
      sum += difference * difference
    }
    return sum.squareRoot()
  }
}
