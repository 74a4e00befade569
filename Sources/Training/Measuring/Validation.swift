import Communication
import Configuration
import Corpus
import Foundation
import Kernels
import Storage
import Transformer

/// Measures the loss on the sets of `data.validation`: always on the first samples of each set.
public struct Validation {
  /// One set, opened.
  struct ValidationSet {
    let name: String
    let source: DataSource
    let sequences: Int
  }

  private let sets: [ValidationSet]
  private let configuration: RunConfiguration

  /// Opens the sets.
  ///
  /// - Throws: `StorageError`; `InvalidFileError` if a set has less than one sample.
  public init(_ configuration: RunConfiguration) throws {
    self.configuration = configuration
    sets = try configuration.data.validation.map { set in
      let source = try DataSource(set.path, sequenceLength: configuration.data.sequenceLength)
      guard source.files.count == 1 else {
        throw ConfigurationError(
          "data.validation.\(set.name): \(set.path) matches \(source.files.count) files; name one")
      }
      if configuration.data.documentMask { try source.requireDocuments() }
      return ValidationSet(
        name: set.name, source: source, sequences: min(configuration.validation.sequences, source.sampleCount))
    }
  }

  public var isEmpty: Bool { sets.isEmpty }

  /// The corpora of all sets.
  var sources: [DataSource] { sets.map(\.source) }

  /// The corpora of all sets with their configuration keys.
  var named: [(key: String, source: DataSource)] { sets.map { ("data.validation.\($0.name)", $0.source) } }

  /// Each set's mean loss in nats per token, the same on every rank; nil if interrupted. Collective.
  ///
  /// The result does not depend on the number of ranks, bit for bit.
  /// - Parameter isInterrupted: called from time to time, on all ranks.
  /// - Throws: `NoTargetError` and `NotFiniteLossError`, on every rank; `AgreedError` for an unreadable sample;
  ///   `CommunicationError`.
  public func losses(
    _ trainer: Trainer, unless isInterrupted: () throws -> Bool = { false }
  ) throws -> [(name: String, loss: Double)]? {
    var results: [(String, Double)] = []
    for set in sets {
      let losses = try SampleLosses(
        of: set.sequences, from: set.source, trainer.pass, parameters: trainer.state.parameters,
        documentMask: configuration.data.documentMask, trainer.communicator, unless: isInterrupted)
      guard let losses else { return nil }
      guard losses.tokens > 0 else { throw NoTargetError(place: "data.validation.\(set.name)") }
      results.append((set.name, losses.ofSamples.reduce(0, +) / Double(losses.tokens)))
    }
    return results
  }
}
