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

/// A checkpoint's mean loss over a corpus's samples, in their order.
public struct LossEvaluation {
  /// Mean −log p(target), nats a token.
  public let loss: Double
  /// Target tokens: where documents are apart, all but each document's first.
  public let tokens: Int
  public let samples: Int
  /// Where the tokenizer is known: bits, the ends of documents included, over the bytes that the tokens are in a text;
  /// the end-of-document token is none.
  public let bitsPerByte: Double?
  /// The mean at each position of a sample; 0 where no sample has a target.
  public let ofPositions: [Double]
  /// How many samples have a target at each position.
  private let tokensOfPositions: [Int]

  /// Documents are apart where the model was trained so. Collective.
  ///
  /// - Parameters:
  ///   - corpus: a path or a glob.
  ///   - sequenceLength: of the samples; nil for what the model was trained on.
  ///   - sequences: how many samples at the most; nil for all.
  ///   - microBatch: samples that a rank takes through the model at once.
  ///   - progress: hears how many samples are done.
  /// - Throws: `StorageError`, `InvalidFileError`, also where the corpus is of another tokenizer than the checkpoint;
  ///   `NoTargetError`, `NotFiniteLossError`; `AgreedError`, `CommunicationError`.
  public init(
    checkpoint path: String, corpus: String, sequenceLength: Int? = nil, sequences: Int? = nil, microBatch: Int = 4,
    threads: Int? = nil, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }, _ communicator: Communicator
  ) throws {
    let (saved, weights, source, tokenBytes) = try communicator.agreedNamingRanks {
      let report = try CheckpointReport(path)
      guard let length = sequenceLength ?? report.saved.sequenceLength else {
        throw ConfigurationError("\(path) says nothing of its samples' length: give --sequence-length")
      }
      let source = try DataSource(corpus, sequenceLength: length)
      if report.saved.documentMask { try source.requireDocuments() }
      try TokenizerIdentity.check([source], against: report.checkpoint)
      let tokenBytes = try LossEvaluation.tokenBytes(try TokenizerIdentity([source]), report.checkpoint.tokenizer)
      return (report.saved, try report.readWeights(), source, tokenBytes)
    }
    let entries = try communicator.agreedNamingRanks {
      [try CommonFiles.Entry("--checkpoint", file: path)]
        + CommonFiles.Entry.all("--corpus", source, documentMask: saved.documentMask)
    }
    try CommonFiles.requireSame(entries, communicator)
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
          "\(Quantity.count(shape.sequences, "sample")) at once take \(Quantity.bytes(needed)), more than the machine's "
            + "\(Quantity.bytes(there)): lower --micro-batch")
      }
    }
    let team = try communicator.agreed { try ThreadTeam(count: threads) }
    let pass = ModelPass(shape, layout: weights.layout, trains: false, on: team)
    let losses = try SampleLosses(
      of: samples, from: source, pass, parameters: weights.parameters, tokenBytes: tokenBytes,
      documentMask: saved.documentMask, communicator, progress: progress)
    guard let losses else { preconditionFailure("an evaluation that nobody interrupts was interrupted") }
    guard losses.tokens > 0 else { throw NoTargetError(place: corpus) }
    let total = losses.ofSamples.reduce(0, +)
    self.samples = samples
    tokens = losses.tokens
    loss = total / Double(tokens)
    ofPositions = zip(losses.ofPositions, losses.tokensOfPositions).map { $0 / Double(max(1, $1)) }
    tokensOfPositions = losses.tokensOfPositions
    bitsPerByte = losses.bytes > 0 ? total / log(2) / Double(losses.bytes) : nil
  }

  /// How many bytes each token is in a text; empty where nobody knows.
  ///
  /// - Parameter checkpoint: has the tokenizer's file where the corpus names the same without bringing it.
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
      "loss            \(format(loss)) nats a token", "perplexity      \(format(perplexity))",
      "tokens          \(tokens), in \(samples) samples",
    ]
    if let bitsPerByte { lines.append("bits a byte     \(format(bitsPerByte))") }
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
