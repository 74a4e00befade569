import Kernels
import Transformer

/// How one layer of a pass processes its input rows: where each row's key is stored, which rows have queries, and how
/// attention groups those queries.
struct LayerPlan {
  /// For each input row: the store and the slot for its key, and its position.
  private(set) var keyStores: [KeyStore] = []
  private(set) var keySlots: [Int32] = []
  private(set) var keyPositions: [Int32] = []
  /// The input rows with queries, ascending. Output row i of the layer is the result of input row `queryRows[i]`.
  private(set) var queryRows: [Int32] = []
  /// For each query, in the order in which attention processes them: its output row, and its position.
  private(set) var attentionOrder: [Int32] = []
  private(set) var queryPositions: [Int32] = []
  private(set) var queryGroups: [CachedQueries] = []
  /// The hidden keys of each sequence.
  let hiddenKeys: [HiddenKeys]
  /// The rows of the layer's output, which are the next layer's input. Not used in the last layer, whose output rows
  /// are copy K of the requested positions.
  let output: RowLayout

  private let model: InferenceModel

  init(
    _ sequences: [NewTokens], _ model: InferenceModel, layer: Int, isLast: Bool, input: RowLayout,
    in workspace: Workspace
  ) {
    self.model = model
    output = RowLayout(sequences, model) { $0.hiddenQueries(layer) }
    hiddenKeys = sequences.indices.map {
      HiddenKeys(sequences[$0], model, layer: layer, in: workspace, at: $0)
    }
    addKeys(sequences, layer)
    isLast ? selectWantedRows(sequences, input, layer) : selectQueryRows(sequences, input, layer)
    var next = 0
    for (index, sequence) in sequences.enumerated() {
      let keys = hiddenKeys[index].visible
      if isLast {
        let wanted = sequence.wantedPositions
        add(wanted, copies: 1, firstCopy: model.hiddenDecoding.repeats - 1, keys) { position, _ in
          next + position - wanted.lowerBound
        }
        next += wanted.count
      } else {
        addGroups(sequence, index, keys, layer)
      }
    }
  }

  /// Adds the stores and slots of the input rows' keys.
  private mutating func addKeys(_ sequences: [NewTokens], _ layer: Int) {
    func add(_ store: KeyStore, first: Int, _ range: Range<Int>, copies: Int) {
      for position in range {
        for copy in 0..<copies {
          keyStores.append(store)
          keySlots.append(Int32((position - first) * copies + copy))
          keyPositions.append(Int32(position))
        }
      }
    }
    for sequence in sequences {
      add(sequence.cache.layers[layer].cached, first: 0, sequence.positions, copies: model.cachedCopies)
    }
    for (sequence, source) in zip(sequences, hiddenKeys) {
      guard let store = source.store else { continue }
      add(store, first: source.first, sequence.hiddenKeys(layer), copies: model.hiddenCopies)
    }
  }

  /// Selects all rows of cached copies, and those of hidden copies from the cone's first query position on.
  private mutating func selectQueryRows(_ sequences: [NewTokens], _ input: RowLayout, _ layer: Int) {
    for (index, sequence) in sequences.enumerated() {
      let start = input.cachedStarts[index]
      queryRows += (start..<start + sequence.positions.count * model.cachedCopies).map { Int32($0) }
    }
    for (index, sequence) in sequences.enumerated() {
      let skipped = sequence.hiddenQueries(layer).lowerBound - sequence.hiddenKeys(layer).lowerBound
      let start = input.hiddenStarts[index] + skipped * model.hiddenCopies
      queryRows += (start..<start + sequence.hiddenQueries(layer).count * model.hiddenCopies).map { Int32($0) }
    }
  }

  /// Selects the rows of copy K at the requested positions.
  private mutating func selectWantedRows(_ sequences: [NewTokens], _ input: RowLayout, _ layer: Int) {
    for (index, sequence) in sequences.enumerated() {
      for position in sequence.wantedPositions {
        let row =
          model.hiddenCopies > 0
          ? input.hiddenStarts[index]
            + (position - sequence.hiddenKeys(layer).lowerBound + 1) * model.hiddenCopies - 1
          : input.cachedStarts[index] + (position - sequence.positions.lowerBound + 1) * model.cachedCopies - 1
        queryRows.append(Int32(row))
      }
    }
  }

  /// Adds a sequence's queries: one group with all copies if all positions have hidden queries, so that attention reads
  /// the keys once for all copies; else a group of cached and a group of hidden copies.
  private mutating func addGroups(_ sequence: NewTokens, _ index: Int, _ keys: [CachedKeys], _ layer: Int) {
    let hidden = sequence.hiddenQueries(layer)
    let (cachedCopies, hiddenCopies) = (model.cachedCopies, model.hiddenCopies)
    let (cachedStart, hiddenStart) = (output.cachedStarts[index], output.hiddenStarts[index])
    func row(_ position: Int, _ copy: Int) -> Int {
      copy < cachedCopies
        ? cachedStart + (position - sequence.positions.lowerBound) * cachedCopies + copy
        : hiddenStart + (position - hidden.lowerBound) * hiddenCopies + copy - cachedCopies
    }
    if hiddenCopies > 0 && hidden == sequence.positions {
      add(hidden, copies: cachedCopies + hiddenCopies, firstCopy: 0, keys, row)
      return
    }
    add(sequence.positions, copies: cachedCopies, firstCopy: 0, keys, row)
    if hiddenCopies > 0 { add(hidden, copies: hiddenCopies, firstCopy: cachedCopies, keys, row) }
  }

  /// Adds a group of queries: `copies` copies, from `firstCopy` on, of each position of `range`.
  ///
  /// - Parameter row: the output row of a query.
  private mutating func add(
    _ range: Range<Int>, copies: Int, firstCopy: Int, _ keys: [CachedKeys], _ row: (_ position: Int, _ copy: Int) -> Int
  ) {
    if range.isEmpty { return }
    queryGroups.append(
      CachedQueries(positions: range, copies: copies, firstCopy: firstCopy, start: attentionOrder.count, keys: keys))
    for position in range {
      for copy in firstCopy..<firstCopy + copies {
        attentionOrder.append(Int32(row(position, copy)))
        queryPositions.append(Int32(position))
      }
    }
  }
}

/// The hidden keys of one sequence in one layer: those saved from earlier tokens, followed by those of the new tokens.
struct HiddenKeys {
  /// The position of the first key.
  let first: Int
  /// The keys; nil if the pass needs none.
  let store: KeyStore?
  /// All keys that the sequence's queries can see: the cached keys and these.
  let visible: [CachedKeys]

  private let layer: KVCache.Layer
  private let end: Int

  /// - Parameter index: the index of the sequence in the pass.
  init(_ sequence: NewTokens, _ model: InferenceModel, layer number: Int, in workspace: Workspace, at index: Int) {
    layer = sequence.cache.layers[number]
    end = sequence.positions.upperBound
    let cached = CachedKeys(layer.cached, first: 0, copies: model.cachedCopies, firstCopy: 0) { _ in 0 }
    let new = sequence.hiddenKeys(number)
    if model.hiddenCopies == 0 || new.isEmpty {
      (first, store, visible) = (end, nil, [cached])
      return
    }
    // Hidden keys that start after the first new token do not reach back to earlier tokens.
    let earlier = new.lowerBound == sequence.positions.lowerBound ? layer.recentCount : 0
    first = new.lowerBound - earlier
    let store = workspace.store(index, model, slots: (end - first) * model.hiddenCopies)
    if let recent = layer.recent, earlier > 0 {
      store.copy(
        earlier * model.hiddenCopies, from: recent, at: (layer.recentCount - earlier) * model.hiddenCopies, to: 0)
    }
    let decoding = model.hiddenDecoding
    visible = [
      cached,
      CachedKeys(store, first: first, copies: model.hiddenCopies, firstCopy: model.cachedCopies) {
        decoding.firstVisible(from: $0)
      },
    ]
    self.store = store
  }

  /// Replaces the cache's recent hidden keys by the last of these.
  func saveRecent(_ model: InferenceModel) {
    guard let recent = layer.recent else { return }
    let count = min(model.recentPositions, end - first, recent.slots / model.hiddenCopies)
    if let store {
      recent.copy(
        count * model.hiddenCopies, from: store, at: (end - first - count) * model.hiddenCopies, to: 0)
    }
    layer.recentCount = count
  }
}
