import Kernels
import Transformer

/// Where the rows of one layer go: keys to their stores, queries to their groups, and which rows stay.
struct LayerCall {
  /// For each row of the input: the store and the slot of its key, and its position.
  private(set) var stores: [KeyStore] = []
  private(set) var slots: [Int32] = []
  private(set) var keyPositions: [Int32] = []
  /// The rows of the input that query, ascending: the rows of the layer's output.
  private(set) var kept: [Int32] = []
  /// The queries in attention's order: for each the row of the output, and its position.
  private(set) var order: [Int32] = []
  private(set) var positions: [Int32] = []
  private(set) var groups: [CachedQueries] = []
  /// The hidden copies' keys of each sequence.
  let hiddenKeys: [HiddenKeys]
  /// The rows of the output; of the last layer's they are the wanted positions' alone.
  let output: RowPlan

  private let model: InferenceModel

  init(
    _ extensions: [NewTokens], _ model: InferenceModel, layer: Int, isLast: Bool, input: RowPlan,
    in workspace: Workspace
  ) {
    self.model = model
    output = RowPlan(extensions, model) { $0.hiddenQueries(layer) }
    hiddenKeys = extensions.indices.map {
      HiddenKeys(extensions[$0], model, layer: layer, in: workspace, at: $0)
    }
    addKeys(extensions, layer)
    isLast ? keepWanted(extensions, input, layer) : keepQueries(extensions, input, layer)
    var next = 0
    for (index, one) in extensions.enumerated() {
      let keys = hiddenKeys[index].all
      if isLast {
        let wanted = one.hiddenQueries(layer)
        add(wanted, copies: 1, firstCopy: model.hiddenDecoding.repeats - 1, keys) { position, _ in
          next + position - wanted.lowerBound
        }
        next += wanted.count
      } else {
        addGroups(one, index, keys, layer)
      }
    }
  }

  private mutating func addKeys(_ extensions: [NewTokens], _ layer: Int) {
    func add(_ store: KeyStore, first: Int, _ range: Range<Int>, copies: Int) {
      for position in range {
        for copy in 0..<copies {
          stores.append(store)
          slots.append(Int32((position - first) * copies + copy))
          keyPositions.append(Int32(position))
        }
      }
    }
    for one in extensions {
      add(one.cache.layers[layer].cached, first: 0, one.positions, copies: model.cachedCopies)
    }
    for (one, source) in zip(extensions, hiddenKeys) {
      guard let store = source.store else { continue }
      add(store, first: source.first, one.hiddenKeys(layer), copies: model.hiddenCopies)
    }
  }

  /// All cached rows stay, and the hidden ones from the cone's next position on.
  private mutating func keepQueries(_ extensions: [NewTokens], _ input: RowPlan, _ layer: Int) {
    for (index, one) in extensions.enumerated() {
      let start = input.cachedStarts[index]
      kept += (start..<start + one.positions.count * model.cachedCopies).map { Int32($0) }
    }
    for (index, one) in extensions.enumerated() {
      let skipped = one.hiddenQueries(layer).lowerBound - one.hiddenKeys(layer).lowerBound
      let start = input.hiddenStarts[index] + skipped * model.hiddenCopies
      kept += (start..<start + one.hiddenQueries(layer).count * model.hiddenCopies).map { Int32($0) }
    }
  }

  /// Copy K of the wanted positions.
  private mutating func keepWanted(_ extensions: [NewTokens], _ input: RowPlan, _ layer: Int) {
    for (index, one) in extensions.enumerated() {
      for position in one.hiddenQueries(layer) {
        let row =
          model.hiddenCopies > 0
          ? input.hiddenStarts[index]
            + (position - one.hiddenKeys(layer).lowerBound + 1) * model.hiddenCopies - 1
          : input.cachedStarts[index] + (position - one.positions.lowerBound + 1) * model.cachedCopies - 1
        kept.append(Int32(row))
      }
    }
  }

  /// A sequence's queries: all copies side by side where all positions have them, so that keys are read once for all.
  private mutating func addGroups(_ one: NewTokens, _ index: Int, _ keys: [CachedKeys], _ layer: Int) {
    let hidden = one.hiddenQueries(layer)
    let (cachedCopies, hiddenCopies) = (model.cachedCopies, model.hiddenCopies)
    let (cachedStart, hiddenStart) = (output.cachedStarts[index], output.hiddenStarts[index])
    func row(_ position: Int, _ copy: Int) -> Int {
      copy < cachedCopies
        ? cachedStart + (position - one.positions.lowerBound) * cachedCopies + copy
        : hiddenStart + (position - hidden.lowerBound) * hiddenCopies + copy - cachedCopies
    }
    if hiddenCopies > 0 && hidden == one.positions {
      add(hidden, copies: cachedCopies + hiddenCopies, firstCopy: 0, keys, row)
      return
    }
    add(one.positions, copies: cachedCopies, firstCopy: 0, keys, row)
    if hiddenCopies > 0 { add(hidden, copies: hiddenCopies, firstCopy: cachedCopies, keys, row) }
  }

  private mutating func add(
    _ range: Range<Int>, copies: Int, firstCopy: Int, _ keys: [CachedKeys], _ row: (_ position: Int, _ copy: Int) -> Int
  ) {
    if range.isEmpty { return }
    groups.append(
      CachedQueries(positions: range, copies: copies, firstCopy: firstCopy, start: order.count, keys: keys))
    for position in range {
      for copy in firstCopy..<firstCopy + copies {
        order.append(Int32(row(position, copy)))
        positions.append(Int32(position))
      }
    }
  }
}

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
  init(_ one: NewTokens, _ model: InferenceModel, layer number: Int, in workspace: Workspace, at index: Int) {
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
