import Kernels
import Transformer

/// A model for inference: weights, and the pattern of hidden decoding.
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
  var recentPositions: Int { hiddenDecoding.recentPositions }
}

extension HiddenDecoding {
  /// The number of copies of each token whose keys stay in the cache: the original, or all copies under the naive
  /// pattern.
  var cachedCopies: Int { pattern.grouping == .together ? repeats : 1 }

  /// The number of copies of each token whose keys are visible only within the window.
  var hiddenCopies: Int { repeats - cachedCopies }

  /// The number of preceding positions whose hidden keys a position may see.
  var recentPositions: Int { hiddenCopies == 0 ? 0 : min(window, chunk ?? .max) - 1 }
}
