import Communication
import Configuration
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
    let source: DataSource
    let sequences: Int
  }

  private let sets: [Set]
  private let configuration: RunConfiguration

  /// Opens the sets.
  ///
  /// - Throws: `StorageError`, `InvalidFileError` where a set holds no whole sample.
  public init(_ configuration: RunConfiguration) throws {
    self.configuration = configuration
    sets = try configuration.data.validation.map { set in
      let source = try DataSource(set.path, sequenceLength: configuration.data.sequenceLength)
      guard source.files.count == 1 else {
        throw ConfigurationError("data.validation.\(set.name): \(set.path) names \(source.files.count) files; name one")
      }
      if configuration.data.documentMask { try source.requireDocuments() }
      return Set(
        name: set.name, source: source, sequences: min(configuration.validation.sequences, source.sampleCount))
    }
  }

  public var isEmpty: Bool { sets.isEmpty }

  /// The corpora of all sets.
  var sources: [DataSource] { sets.map(\.source) }

  /// The corpora of all sets, and their keys in the configuration.
  var named: [(key: String, source: DataSource)] { sets.map { ("data.validation.\($0.name)", $0.source) } }

  /// Each set's mean loss, nats a token, the same on every rank; nil where it was interrupted. Collective.
  ///
  /// The bits don't depend on the number of ranks.
  /// - Parameter isInterrupted: asked now and then, by all ranks together.
  /// - Throws: `NoTargetError` and `NotFiniteLossError`, on every rank; `AgreedError` for an unreadable sample; `CommunicationError`.
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
