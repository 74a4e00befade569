import Communication
import Corpus
import Kernels
import Transformer

/// The losses of samples, in their order, shared out among the ranks.
struct SampleLosses {
  /// Σ −log p(target) of each sample, nats; the same on every rank, and on any number of ranks.
  let ofSamples: [Double]
  /// Σ over the samples, of each position; the order of its sum follows the number of ranks.
  let ofPositions: [Double]
  /// Of the target tokens of all samples together; 0 where nobody knows.
  let bytes: Int

  /// Collective.
  ///
  /// A sample's loss depends on nothing else in its micro-batch.
  /// - Parameters:
  ///   - pass: takes its shape's sequences at a time.
  ///   - tokenBytes: how many bytes each token is in a text; those beyond are none.
  /// - Throws: `AgreedError` for an unreadable sample; `CommunicationError`.
  init(
    of samples: Int, from source: DataSource, _ pass: ModelPass, parameters: Buffer, tokenBytes: [Int] = [],
    _ communicator: Communicator
  ) throws {
    let (size, positions) = (pass.shape.sequences, pass.shape.positions)
    var losses = [Double](repeating: 0, count: samples)
    var perPosition = [Double](repeating: 0, count: positions)
    var bytes = 0
    try communicator.agreed {
      let tokens = UnsafeMutableBufferPointer<Int32>.allocate(capacity: size * (positions + 1))
      defer { tokens.deallocate() }
      tokens.initialize(repeating: 0)
      for first in stride(from: communicator.rank * size, to: samples, by: communicator.size * size) {
        let count = min(size, samples - first)
        for sequence in 0..<count {
          let own = UnsafeMutableBufferPointer(
            rebasing: tokens[sequence * (positions + 1)..<(sequence + 1) * (positions + 1)])
          let (file, offset) = source.location(of: first + sequence)
          try file.readTokens(at: offset, into: own, vocabularySize: pass.shape.model.vocabularySize)
          for token in own.dropFirst() where Int(token) < tokenBytes.count { bytes += tokenBytes[Int(token)] }
        }
        let found = pass.losses(parameters: parameters.pointer, tokens: SequenceTokens(UnsafeBufferPointer(tokens)))
        for sequence in 0..<count {
          losses[first + sequence] = found[sequence].crossEntropy
          for position in 0..<positions {
            perPosition[position] += Double(pass.tokenLosses[sequence * positions + position])
          }
        }
      }
    }
    try losses.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    try perPosition.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    ofSamples = losses
    ofPositions = perPosition
    self.bytes = Int(try communicator.sum(Int64(bytes)))
  }
}
