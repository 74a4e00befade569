import Communication
import Corpus
import Kernels
import Transformer

/// The losses of samples, in order. The ranks divide the samples among them.
struct SampleLosses {
  /// Σ −log p(target) of each sample, nats; the same on every rank, and on any number of ranks.
  let ofSamples: [Double]
  /// Σ over the samples at each position. The order of summation depends on the number of ranks.
  let ofPositions: [Double]
  /// The number of samples that have a target at each position.
  let tokensOfPositions: [Int]
  /// Bytes of text of all target tokens; 0 if the tokenizer is unknown.
  let bytes: Int

  /// Target tokens of all samples.
  var tokens: Int { tokensOfPositions.reduce(0, +) }

  /// Computes the losses; nil if interrupted. Collective.
  ///
  /// A sample's loss does not depend on the other samples of its micro-batch.
  /// - Parameters:
  ///   - pass: computes as many sequences at a time as its shape has.
  ///   - tokenBytes: the length of each token in bytes of text; tokens beyond the array count as 0 bytes.
  ///   - documentMask: whether attention stays within a document.
  ///   - progress: called with the number of samples done, on all ranks together.
  ///   - isInterrupted: called before each round of micro-batches, on all ranks.
  /// - Throws: `NotFiniteLossError`, on every rank; `AgreedError` for an unreadable sample, and if the corpus was
  ///   changed meanwhile; `CommunicationError`.
  init?(
    of samples: Int, from source: DataSource, _ pass: ModelPass, parameters: Buffer, tokenBytes: [Int] = [],
    documentMask: Bool, _ communicator: Communicator, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in },
    unless isInterrupted: () throws -> Bool = { false }
  ) throws {
    let (size, positions) = (pass.shape.sequences, pass.shape.positions)
    var losses = [Double](repeating: 0, count: samples)
    var perPosition = [Double](repeating: 0, count: positions)
    var (tokens, bytes) = ([Double](repeating: 0, count: positions), 0)
    let reader = SampleReader([source], vocabularySize: pass.shape.model.vocabularySize, documentMask: documentMask)
    let buffer = SampleBuffer(sequences: size, sequenceLength: positions, documentMask: documentMask)
    let mine = stride(from: 0, to: samples, by: communicator.size * size).map { round in
      let first = min(round + communicator.rank * size, samples)
      return first..<first + min(size, samples - first)
    }
    var check = try communicator.agreed { try SampleCheck(source) }
    for (round, range) in mine.enumerated() {
      if try isInterrupted() { return nil }
      let (first, count) = (range.lowerBound, range.count)
      try communicator.agreed {
        for sequence in 0..<count { try reader.read(first + sequence, of: 0, to: sequence, in: buffer) }
        check.add(buffer, sequences: count)
      }
      let found = count > 0 ? pass.losses(parameters: parameters.pointer, tokens: SequenceTokens(buffer)) : []
      for sequence in 0..<count {
        losses[first + sequence] = found[sequence].crossEntropy
        let firstTarget = buffer.range(ofSequence: sequence).lowerBound + 1
        // The first token of a document is not a target.
        for position in 0..<positions where buffer.positions?[firstTarget + position] != 0 {
          perPosition[position] += Double(pass.tokenLosses[sequence * positions + position])
          tokens[position] += 1
          let target = Int(buffer.tokens[firstTarget + position])
          if target < tokenBytes.count { bytes += tokenBytes[target] }
        }
      }
      progress(min(samples, (round + 1) * communicator.size * size), samples)
    }
    try communicator.agreed {
      try check.finish(
        mine, vocabularySize: pass.shape.model.vocabularySize, documentMask: documentMask, in: buffer)
    }
    try losses.withUnsafeMutableBufferPointer { try communicator.combine(disjoint: $0) }
    if let sample = losses.firstIndex(where: { !$0.isFinite }) {
      throw NotFiniteLossError(place: "sample \(sample) of \(source.pattern)", loss: losses[sample])
    }
    try perPosition.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    try tokens.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    ofSamples = losses
    ofPositions = perPosition
    tokensOfPositions = tokens.map { Int($0) }
    self.bytes = Int(try communicator.sum(Int64(bytes)))
  }
}

extension SequenceTokens {
  /// The samples of a buffer. If it has positions, they separate the documents of each sample.
  public init(_ buffer: SampleBuffer) {
    self.init(
      UnsafeBufferPointer(buffer.tokens), positions: buffer.positions.map { UnsafeBufferPointer($0) })
  }

  init(_ batch: Batch) { self.init(batch.tokens, positions: batch.positions) }
}
