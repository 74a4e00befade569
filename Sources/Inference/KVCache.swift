import Kernels
import Transformer

/// The keys and values of one sequence, by layer.
///
/// It holds the originals' keys and values of all positions, like the cache of a vanilla transformer, and for `swa` and
/// `cswa` also those of the hidden copies of the last few positions. Under the naive pattern it holds those of all
/// copies of all positions.
public final class KVCache {
  /// The number of tokens in the cache.
  public internal(set) var length = 0
  /// The maximum number of tokens.
  public let capacity: Int

  let layers: [Layer]
  /// The number of copies of each position whose keys are in ``Layer/recent``.
  let hiddenCopies: Int

  /// The keys and values of one layer.
  final class Layer {
    /// The keys and values that stay for all later tokens.
    let cached: KeyStore
    /// The hidden copies' keys and values of the last `recentCount` positions, the oldest first; nil if the pattern
    /// needs none.
    let recent: KeyStore?
    /// The number of positions in `recent`.
    var recentCount = 0

    init(cached: KeyStore, recent: KeyStore?) {
      self.cached = cached
      self.recent = recent
    }
  }

  /// - Parameter capacity: the maximum number of tokens.
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

  /// Bytes of a cache for `capacity` tokens.
  public static func bytes(
    _ model: ModelConfiguration, _ decoding: HiddenDecoding, _ precision: ElementType, capacity: Int
  ) -> Int {
    let slots = decoding.slots(capacity: capacity)
    return [slots.cached, slots.recent].reduce(0) {
      $0 + model.layers * KeyStore.bytes(model.heads, precision, slots: $1)
    }
  }

  /// Bytes of allocated memory.
  public var bytes: Int { layers.reduce(0) { $0 + $1.cached.bytes + ($1.recent?.bytes ?? 0) } }

  /// Bytes of resident memory, as the system reports it.
  public var residentBytes: Int {
    layers.reduce(0) { $0 + $1.cached.residentBytes + ($1.recent?.residentBytes ?? 0) }
  }
}

extension HiddenDecoding {
  /// The number of keys in each layer of a cache for `capacity` tokens: those that stay, and the recent hidden ones.
  fileprivate func slots(capacity: Int) -> (cached: Int, recent: Int) {
    (capacity * cachedCopies, min(recentPositions, capacity) * hiddenCopies)
  }
}
