import Kernels
import Transformer

/// A model to be asked: its weights, and the pattern it decodes under.
public struct InferenceModel: Sendable {
  public let weights: InferenceWeights
  public let hiddenDecoding: HiddenDecoding

  public init(_ weights: InferenceWeights, _ hiddenDecoding: HiddenDecoding) {
    self.weights = weights
    self.hiddenDecoding = hiddenDecoding
  }

  public var configuration: ModelConfiguration { weights.layout.model }

  var cachedCopies: Int { hiddenDecoding.cachedCopies }
  var hiddenCopies: Int { hiddenDecoding.hiddenCopies }
  var keptPositions: Int { hiddenDecoding.keptPositions }
}

extension HiddenDecoding {
  /// Copies of each token whose keys stay in the cache: the original, and under the naive pattern all.
  var cachedCopies: Int { pattern.grouping == .together ? repeats : 1 }

  /// Copies whose keys are seen from within the window alone.
  var hiddenCopies: Int { repeats - cachedCopies }

  /// Positions whose hidden keys a later position may see.
  var keptPositions: Int { hiddenCopies == 0 ? 0 : min(window, chunk ?? .max) - 1 }
}
