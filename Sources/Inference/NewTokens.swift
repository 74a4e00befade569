import Transformer

/// The new tokens of one sequence in a pass of ``Decoder``.
struct NewTokens {
  let cache: KVCache
  /// The positions of the new tokens.
  let positions: Range<Int>
  let cone: DependencyCone

  /// The new positions whose hidden keys a layer computes.
  func hiddenKeys(_ layer: Int) -> Range<Int> { newPositions(from: cone.keys[layer]) }
  /// The new positions whose hidden queries a layer computes.
  func hiddenQueries(_ layer: Int) -> Range<Int> { newPositions(from: cone.queries[layer]) }
  /// The new positions whose logits are requested.
  var wantedPositions: Range<Int> { newPositions(from: cone.wanted) }

  private func newPositions(from first: Int) -> Range<Int> {
    min(max(first, positions.lowerBound), positions.upperBound)..<positions.upperBound
  }
}

/// The first position, for each layer, whose hidden copies the requested logits depend on.
///
/// The last layer needs hidden queries only at the requested positions, and hidden keys one window further back. The
/// layer before it has to compute the input of those keys, so its hidden queries start there, and its hidden keys
/// another window further back, and so on. The extra cost is at most layers · (W − 1) positions, whatever the length of
/// the prompt.
struct DependencyCone {
  /// The first position whose logits are requested.
  let wanted: Int
  /// For each layer, the first position with hidden queries.
  let queries: [Int]
  /// For each layer, the first position with hidden keys.
  let keys: [Int]

  init(_ model: InferenceModel, wanted: Int) {
    self.wanted = wanted
    let layers = model.configuration.layers
    var queries = [Int](repeating: wanted, count: layers)
    var keys = queries
    var first = wanted
    for layer in (0..<layers).reversed() {
      queries[layer] = first
      first = model.hiddenDecoding.firstVisible(from: first)
      keys[layer] = first
    }
    self.queries = queries
    self.keys = keys
  }
}

/// The order of the rows of a layer's input: the cached copies of all sequences, [sequence][position][copy], then the
/// hidden copies of all sequences, [sequence][position][copy].
struct RowLayout {
  /// The first row of each sequence's cached copies, and of its hidden copies.
  let cachedStarts: [Int]
  let hiddenStarts: [Int]
  /// The number of rows.
  let count: Int

  /// - Parameter hidden: the positions of a sequence that have rows of hidden copies.
  init(_ sequences: [NewTokens], _ model: InferenceModel, hidden: (NewTokens) -> Range<Int>) {
    var next = 0
    func starts(_ rows: (NewTokens) -> Int) -> [Int] {
      sequences.map { sequence in
        defer { next += rows(sequence) }
        return next
      }
    }
    cachedStarts = starts { $0.positions.count * model.cachedCopies }
    hiddenStarts = starts { hidden($0).count * model.hiddenCopies }
    count = next
  }
}
