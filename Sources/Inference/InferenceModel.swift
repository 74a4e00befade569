import Kernels
import Transformer

/// A model to be asked: its weights, and the pattern it decodes under.
public struct InferenceModel: Sendable {
  public let layout: ParameterLayout
  public let hiddenDecoding: HiddenDecoding
  let parameters: Buffer

  /// - Parameter parameters: flat, as the layout says. They are not copied.
  public init(_ layout: ParameterLayout, _ hiddenDecoding: HiddenDecoding, parameters: Buffer) {
    precondition(parameters.count == layout.count, "\(parameters.count) parameters for \(layout.count)")
    self.layout = layout
    self.hiddenDecoding = hiddenDecoding
    self.parameters = parameters
  }

  public var configuration: ModelConfiguration { layout.model }

  /// Copies of each token whose keys stay in the cache: the original, and under the naive pattern all.
  var cachedCopies: Int { hiddenDecoding.pattern == .naive ? hiddenDecoding.repeats : 1 }

  /// Copies whose keys are seen from within the window alone.
  var hiddenCopies: Int { hiddenDecoding.repeats - cachedCopies }

  /// Positions whose hidden keys a later position may see.
  var keptPositions: Int {
    hiddenCopies == 0 ? 0 : min(hiddenDecoding.window, hiddenDecoding.chunk ?? .max) - 1
  }
}
