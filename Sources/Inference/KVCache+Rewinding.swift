import Kernels

/// A position of a sequence to which its cache can be rewound, for several continuations of one text.
public struct CacheMark {
  let length: Int
  /// A copy of each layer's recent hidden keys at that position, which later tokens overwrite; nil if there are none.
  let recent: [(keys: KeyStore, positions: Int)?]
}

extension KVCache {
  /// Marks the current end of the sequence.
  ///
  /// Copies the recent hidden keys (`swa`, `cswa`). The cached keys need no copy, because later keys are stored after
  /// them.
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

  /// Removes all tokens after a mark. Later results are bit-identical to those of a cache that never had these tokens.
  ///
  /// - Precondition: the mark is from this cache, which has not been rewound to an earlier position since.
  public func rewind(to mark: CacheMark) {
    precondition(
      mark.length <= length && mark.recent.count == layers.count,
      "cannot rewind from \(length) tokens to \(mark.length)")
    length = mark.length
    for (layer, kept) in zip(layers, mark.recent) {
      layer.recentCount = kept?.positions ?? 0
      guard let store = layer.recent, let kept else { continue }
      store.copy(kept.positions * hiddenCopies, from: kept.keys, at: 0, to: 0)
    }
  }
}
