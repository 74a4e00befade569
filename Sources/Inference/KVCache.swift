import Kernels
import Transformer

/// What one sequence leaves behind for its later tokens, layer by layer.
///
/// The originals' keys and values for all positions: the vanilla cache. Beside it, for `swa` and `cswa`, those of the
/// hidden copies of the last few positions; under the naive pattern all copies' for all positions.
public final class KVCache {
  /// Tokens in it.
  public internal(set) var length = 0
  /// Tokens that there is room for.
  public let capacity: Int

  let layers: [Layer]
  /// Copies of each position whose keys are in ``Layer/recent``.
  let hiddenCopies: Int

  /// One layer's part.
  final class Layer {
    let cached: KeyStore
    /// The hidden copies' keys of the last positions; `recentCount` positions, the oldest first.
    let recent: KeyStore?
    var recentCount = 0

    init(cached: KeyStore, recent: KeyStore?) {
      self.cached = cached
      self.recent = recent
    }
  }

  /// - Parameter capacity: how many tokens it will hold at the most.
  public init(for model: InferenceModel, capacity: Int) {
    self.capacity = capacity
    hiddenCopies = model.hiddenCopies
    let (heads, precision) = (model.configuration.heads, model.weights.precision)
    let slots = model.hiddenDecoding.slots(capacity: capacity)
    layers = (0..<model.configuration.layers).map { _ in
      Layer(
        cached: KeyStore(heads, precision, slots: slots.cached),
        recent: slots.recent > 0 ? KeyStore(heads, precision, slots: slots.recent) : nil)
    }
  }

  /// Bytes that a cache for so many tokens will hold.
  public static func bytes(
    _ model: ModelConfiguration, _ decoding: HiddenDecoding, _ precision: ElementType, capacity: Int
  ) -> Int {
    let slots = decoding.slots(capacity: capacity)
    return [slots.cached, slots.recent].reduce(0) {
      $0 + model.layers * KeyStore.bytes(model.heads, precision, slots: $1)
    }
  }

  /// Bytes of memory that it holds.
  public var bytes: Int { layers.reduce(0) { $0 + $1.cached.bytes + ($1.recent?.bytes ?? 0) } }

  /// Bytes that the system says are in memory for it.
  public var residentBytes: Int {
    layers.reduce(0) { $0 + $1.cached.residentBytes + ($1.recent?.residentBytes ?? 0) }
  }
}

extension HiddenDecoding {
  /// Keys in each layer of a cache for so many tokens: those that stay, and the hidden copies' of the last few.
  fileprivate func slots(capacity: Int) -> (cached: Int, recent: Int) {
    (capacity * cachedCopies, min(keptPositions, capacity) * hiddenCopies)
  }
}
