import Kernels
import Transformer

/// One sequence's hidden copies' keys in one layer: those kept from earlier tokens, and behind them the new ones'.
struct HiddenKeys {
  /// The position of the first.
  let first: Int
  /// Where they are; nil where the call needs none.
  let store: KeyStore?
  /// What the sequence's queries see: the cached keys, and these.
  let all: [CachedKeys]

  private let layer: KVCache.Layer
  private let end: Int

  /// - Parameter index: which of the call's sequences it is.
  init(_ one: Extension, _ model: InferenceModel, layer number: Int, in workspace: Workspace, at index: Int) {
    layer = one.cache.layers[number]
    end = one.positions.upperBound
    let cached = CachedKeys(layer.cached, first: 0, copies: model.cachedCopies, firstCopy: 0) { _ in 0 }
    let new = one.hiddenKeys(number)
    if model.hiddenCopies == 0 || new.isEmpty {
      (first, store, all) = (end, nil, [cached])
      return
    }
    // Where the new ones start later than the new tokens, none before them is seen.
    let earlier = new.lowerBound == one.positions.lowerBound ? layer.recentCount : 0
    first = new.lowerBound - earlier
    let store = workspace.store(index, model, slots: (end - first) * model.hiddenCopies)
    if let recent = layer.recent, earlier > 0 {
      store.copy(
        earlier * model.hiddenCopies, from: recent, at: (layer.recentCount - earlier) * model.hiddenCopies, to: 0)
    }
    let decoding = model.hiddenDecoding
    all = [
      cached,
      CachedKeys(store, first: first, copies: model.hiddenCopies, firstCopy: model.cachedCopies) {
        decoding.firstVisible(from: $0)
      },
    ]
    self.store = store
  }

  /// Keeps the last of them for later tokens; what was kept before is then too old.
  func keep(_ model: InferenceModel) {
    guard let recent = layer.recent else { return }
    let count = min(model.keptPositions, end - first, recent.slots / model.hiddenCopies)
    if let store {
      recent.copy(
        count * model.hiddenCopies, from: store, at: (end - first - count) * model.hiddenCopies, to: 0)
    }
    layer.recentCount = count
  }
}
