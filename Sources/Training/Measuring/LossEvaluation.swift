import Communication
import Configuration
import Corpus
import Display
import Foundation
import Host
import JSON
import Kernels
import RunFiles
import Tokenizers
import Transformer

/// A checkpoint's mean loss over the samples of a corpus, in order.
public struct LossEvaluation {
  /// Mean −log p(target), in nats per token.
  public let loss: Double
  /// Target tokens; with a document mask, all but the first of each document.
  public let tokens: Int
  public let samples: Int
  /// Loss in bits per byte of text; nil if the tokenizer is unknown. End-of-document tokens count as bits but not as
  /// bytes.
  public let bitsPerByte: Double?
  /// The mean loss at each position of a sample; 0 if no sample has a target there.
  public let ofPositions: [Double]
  /// The number of samples that have a target at each position.
  private let tokensOfPositions: [Int]

  /// Evaluates a checkpoint, with a document mask if the model was trained with one. Collective.
  ///
  /// - Parameters:
  ///   - corpus: a path or a glob.
  ///   - sequenceLength: length of the samples; nil for the length in training.
  ///   - sequences: maximal number of samples; nil for all.
  ///   - microBatch: samples that a rank computes at a time.
  ///   - progress: called with the number of samples done.
  /// - Throws: `StorageError`, `InvalidFileError`, also if corpus and checkpoint have different tokenizers;
  ///   `NoTargetError`, `NotFiniteLossError`; `AgreedError`, `CommunicationError`.
  public init(
    checkpoint path: String, corpus: String, sequenceLength: Int? = nil, sequences: Int? = nil, microBatch: Int = 4,
    threads: Int? = nil, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }, _ communicator: Communicator
  ) throws {
    let (saved, weights, source, tokenBytes) = try communicator.agreedNamingRanks {
      let report = try CheckpointReport(path)
      guard let length = sequenceLength ?? report.saved.sequenceLength else {
        throw ConfigurationError("\(path) does not record the length of its samples: pass --sequence-length")
      }
      let source = try DataSource(corpus, sequenceLength: length)
      if report.saved.documentMask { try source.requireDocuments() }
      try TokenizerIdentity.check([source], against: report.checkpoint)
      let tokenBytes = try LossEvaluation.tokenBytes(try TokenizerIdentity([source]), report.checkpoint.tokenizer)
      return (report.saved, try report.readWeights(), source, tokenBytes)
    }
    let entries = try communicator.agreedNamingRanks {
      [try FileConsistency.Entry("--checkpoint", file: path)]
        + FileConsistency.Entry.all("--corpus", source, documentMask: saved.documentMask)
    }
    try FileConsistency.requireSame(entries, communicator)
    let threads = try threads ?? Threads.perRank(communicator)
    let samples = min(sequences ?? .max, source.sampleCount)
    let shape = PassShape(
      model: saved.model, hiddenDecoding: saved.hiddenDecoding, sequences: min(microBatch, samples),
      positions: source.sequenceLength)
    try communicator.agreed {
      let needed = communicator.nodeSize * ModelPass.bytes(shape, trains: false, threads: threads)
      let there = InstalledMemory.bytes
      if needed > there {
        throw ConfigurationError(
          "\(Quantity.count(shape.sequences, "sample")) at a time take \(Quantity.bytes(needed)), more than the "
            + "machine's \(Quantity.bytes(there)): lower --micro-batch")
      }
    }
    let team = try communicator.agreed { try ThreadTeam(count: threads) }
    let pass = ModelPass(shape, layout: weights.layout, trains: false, on: team)
    let losses = try SampleLosses(
      of: samples, from: source, pass, parameters: weights.parameters, tokenBytes: tokenBytes,
      documentMask: saved.documentMask, communicator, progress: progress)
    guard let losses else { preconditionFailure("an evaluation without an interruption handler was interrupted") }
    guard losses.tokens > 0 else { throw NoTargetError(place: corpus) }
    let total = losses.ofSamples.reduce(0, +)
    self.samples = samples
    tokens = losses.tokens
    loss = total / Double(tokens)
    ofPositions = zip(losses.ofPositions, losses.tokensOfPositions).map { $0 / Double(max(1, $1)) }
    tokensOfPositions = losses.tokensOfPositions
    bitsPerByte = losses.bytes > 0 ? total / log(2) / Double(losses.bytes) : nil
  }

  /// The length of each token in bytes of text; empty if the tokenizer is unknown.
  ///
  /// - Parameter checkpoint: provides the tokenizer file if the corpus names the same tokenizer without storing it.
  private static func tokenBytes(_ corpus: TokenizerIdentity, _ checkpoint: TokenizerIdentity) throws -> [Int] {
    if corpus.name == "bytes" && corpus.sha256 == nil { return Array(repeating: 1, count: 256) }
    guard let sha256 = corpus.sha256,
      let file = corpus.file ?? (checkpoint.sha256 == sha256 ? checkpoint.file : nil)
    else { return [] }
    let tokenizer = try BPETokenizer(file)
    var counts = (0..<tokenizer.vocabularySize).map { tokenizer.bytes(of: $0).count }
    if let end = corpus.endOfDocument ?? checkpoint.endOfDocument, end < counts.count { counts[end] = 0 }
    return counts
  }

  public var perplexity: Double { exp(loss) }

  public var json: JSONValue {
    [
      "loss": .number(loss), "perplexity": .number(perplexity), "tokens": .integer(tokens),
      "sequences": .integer(samples), "bits_per_byte": bitsPerByte.map { .number($0) } ?? .null,
      "loss_by_position": .array(ofPositions.map { .number($0) }),
    ]
  }

  public var text: String {
    var lines = [
      "loss            \(format(loss)) nats per token", "perplexity      \(format(perplexity))",
      "tokens          \(tokens), in \(samples) samples",
    ]
    if let bitsPerByte { lines.append("bits per byte   \(format(bitsPerByte))") }
    // Positions 0, 1, 2–3, 4–7, …
    var first = 0
    while first < ofPositions.count {
      let end = min(max(1, 2 * first), ofPositions.count)
      let tokens = tokensOfPositions[first..<end].reduce(0, +)
      let sum = (first..<end).reduce(0) { $0 + ofPositions[$1] * Double(tokensOfPositions[$1]) }
      let mean = sum / Double(max(1, tokens))
      let name = end - first == 1 ? "position \(first)" : "\(first)–\(end - 1)"
      lines.append("  \(name.padding(toLength: 14, withPad: " ", startingAt: 0))\(format(mean))")
      first = end
    }
    return lines.joined(separator: "\n")
  }

  private func format(_ value: Double) -> String { String(format: "%.4f", value) }
}
