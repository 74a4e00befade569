import Configuration
import Corpus
import Foundation
import Host
import Kernels
import RunFiles
import Transformer

/// What a model does with the copies of its tokens: how far each is from the one before it, layer by layer, and what each
/// would predict if the head were asked.
///
/// Only the last copy was trained to predict; what the head makes of the others shows how far the answer has come by then.
public struct CopyInspection: Sendable {
  /// One copy after one layer; means over all positions.
  public struct State: Sendable {
    /// ‖x‖.
    public internal(set) var norm = 0.0
    /// Against the copy before, of the same token: the cosine between the two, and ‖x − x′‖ / ‖x′‖. Nil for the original.
    public internal(set) var cosine: Double?
    public internal(set) var change: Double?
  }

  /// What the head reads from one copy; means over all target tokens.
  public struct Reading: Sendable {
    /// −log p(target), nats.
    public internal(set) var loss = 0.0
    /// Of the prediction, nats.
    public internal(set) var entropy = 0.0
  }

  public let checkpoint: String
  public let step: Int
  public let decoding: HiddenDecoding
  public let sequences: Int
  /// Target tokens: where documents are apart, all but each document's first.
  public let tokens: Int
  /// [layer][copy].
  public private(set) var layers: [[State]]
  /// Of each copy.
  public private(set) var readings: [Reading]

  /// Looks at a corpus's first samples, whose documents are apart where the model was trained so.
  ///
  /// - Parameters:
  ///   - corpus: a path or a glob.
  ///   - sequenceLength: of the samples; nil for what the model was trained on.
  ///   - sequences: how many samples at the most.
  ///   - threads: nil for all processors at hand.
  ///   - progress: is told of samples done, and of how many.
  /// - Throws: `StorageError`, `ConfigurationError`, `InvalidFileError`, `NoTargetError`, `ResourceError`;
  ///   `NotFiniteLossError`.
  public init(
    checkpoint path: String, corpus: String, sequenceLength: Int? = nil, sequences: Int, threads: Int? = nil,
    progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) throws {
    let report = try CheckpointReport(path)
    let saved = report.saved
    guard let length = sequenceLength ?? saved.sequenceLength else {
      throw ConfigurationError("\(path) says nothing of its samples' length: give --sequence-length")
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
      pass.eachCopy(parameters: parameters.pointer, tokens: tokens) { layer, stream in
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

  /// What the means are made of.
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
      let p = CrossEntropy.logProbability(of: target, prediction.logits)
      readings[prediction.copy].loss -= prediction.logits.areFinite ? p.logProbability : .nan
      readings[prediction.copy].entropy += Double(CrossEntropy.entropy(prediction.logits))
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
