import Kernels

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
    let heads = model.configuration.heads
    let recent = min(model.keptPositions, capacity) * model.hiddenCopies
    layers = (0..<model.configuration.layers).map { _ in
      Layer(
        cached: KeyStore(heads, slots: capacity * model.cachedCopies),
        recent: recent > 0 ? KeyStore(heads, slots: recent) : nil)
    }
  }

  /// Bytes that a cache for so many tokens will hold.
  public static func bytes(for model: InferenceModel, capacity: Int) -> Int {
    let heads = model.configuration.heads
    let recent = min(model.keptPositions, capacity) * model.hiddenCopies
    return model.configuration.layers
      * (KeyStore.bytes(heads, slots: capacity * model.cachedCopies)
        + (recent > 0 ? KeyStore.bytes(heads, slots: recent) : 0))
  }

  /// Bytes of memory that it holds.
  public var bytes: Int { layers.reduce(0) { $0 + $1.cached.bytes + ($1.recent?.bytes ?? 0) } }
}
