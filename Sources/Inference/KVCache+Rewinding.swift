import Kernels

/// A place in a sequence that its cache can go back to: what several continuations of one text begin from.
public struct CacheMark {
  let length: Int
  /// Each layer's hidden copies' last keys at that place, which later tokens write over; nil where there are none.
  let recent: [(keys: KeyStore, positions: Int)?]
}

extension KVCache {
  /// The place where the sequence is now.
  ///
  /// Of the cached keys nothing is copied: later ones lie behind them. The hidden copies' keys of the last few positions
  /// (`swa`, `cswa`) are.
  public func mark() -> CacheMark {
    let recent = layers.map { layer -> (keys: KeyStore, positions: Int)? in
      guard let store = layer.recent, layer.recentCount > 0 else { return nil }
      let slots = layer.recentCount * hiddenCopies
      let keys = KeyStore(store.heads, store.type, slots: slots)
      keys.copy(slots, from: store, at: 0, to: 0)
      return (keys, layer.recentCount)
    }
    return CacheMark(length: length, recent: recent)
  }

  /// Goes back to a place of this sequence: what came behind it is forgotten, and what comes next gets the bits that it
  /// would have had then.
  ///
  /// - Precondition: the mark is this cache's, and nothing before it was forgotten since.
  public func rewind(to mark: CacheMark) {
    precondition(mark.length <= length && mark.recent.count == layers.count, "back from \(length) to \(mark.length)")
    length = mark.length
    for (layer, kept) in zip(layers, mark.recent) {
      layer.recentCount = kept?.positions ?? 0
      guard let store = layer.recent, let kept else { continue }
      store.copy(kept.positions * hiddenCopies, from: kept.keys, at: 0, to: 0)
    }
  }
}
