import Communication
import Corpus
import Foundation
import Kernels
import Storage
import Transformer

/// The loss on named sets: the first samples of each, in their order, every time the same.
public struct Validation {
  /// One set, opened.
  struct Set {
    let name: String
    let file: TokenFile
    let sequences: Int
  }

  private let sets: [Set]
  private let configuration: RunConfiguration

  /// Opens the sets.
  ///
  /// - Throws: `StorageError`, `CorpusError` where a set holds no whole sample.
  public init(_ configuration: RunConfiguration) throws {
    self.configuration = configuration
    sets = try configuration.data.validation.map { set in
      let source = try DataSource(set.path, sequenceLength: configuration.data.sequenceLength)
      guard source.files.count == 1, let file = source.files.first else {
        throw ConfigurationError("data.validation.\(set.name): \(set.path) names \(source.files.count) files; name one")
      }
      return Set(
        name: set.name, file: file, sequences: min(configuration.validation.sequences, source.sampleCount))
    }
  }

  public var isEmpty: Bool { sets.isEmpty }

  /// Each set's mean loss, nats a token, the same on every rank. Collective.
  ///
  /// A sequence's loss depends on nothing else in its micro-batch, and the sequences' are added in their order: the
  /// bits don't depend on the number of ranks.
  /// - Throws: `AgreedError` for an unreadable sample; `CommunicationError`.
  public func losses(_ trainer: Trainer) throws -> [(name: String, loss: Double)] {
    try sets.map { ($0.name, try loss(of: $0, trainer)) }
  }

  private func loss(of set: Set, _ trainer: Trainer) throws -> Double {
    let communicator = trainer.communicator
    let positions = configuration.data.sequenceLength
    let size = configuration.training.microBatchSize
    let groups = (set.sequences + size - 1) / size
    var losses = [Double](repeating: 0, count: set.sequences)
    try communicator.agreed {
      let tokens = UnsafeMutableBufferPointer<Int32>.allocate(capacity: size * (positions + 1))
      defer { tokens.deallocate() }
      tokens.initialize(repeating: 0)
      for group in stride(from: communicator.rank, to: groups, by: communicator.size) {
        let count = min(size, set.sequences - group * size)
        for sequence in 0..<count {
          let place = UnsafeMutableBufferPointer(
            rebasing: tokens[sequence * (positions + 1)..<(sequence + 1) * (positions + 1)])
          try set.file.readTokens(
            at: (group * size + sequence) * positions, into: place,
            vocabularySize: configuration.model.vocabularySize)
        }
        let found = trainer.pass.losses(
          parameters: trainer.state.parameters.pointer, tokens: UnsafeBufferPointer(tokens))
        for sequence in 0..<count { losses[group * size + sequence] = found[sequence].crossEntropy }
      }
    }
    try losses.withUnsafeMutableBufferPointer { try communicator.sum(inPlace: $0) }
    return losses.reduce(0, +) / Double(set.sequences * positions)
  }
}
