import Transformer

/// New tokens of one sequence, on their way onto its cache.
struct NewTokens {
  let cache: KVCache
  /// Their positions.
  let positions: Range<Int>
  let cone: DependencyCone

  /// The positions whose hidden copies' keys a layer needs, and those whose hidden copies query.
  func hiddenKeys(_ layer: Int) -> Range<Int> { clamped(cone.keys[layer]) }
  func hiddenQueries(_ layer: Int) -> Range<Int> { clamped(cone.queries[layer]) }

  private func clamped(_ first: Int) -> Range<Int> {
    min(max(first, positions.lowerBound), positions.upperBound)..<positions.upperBound
  }
}

/// From which position on each layer needs hidden copies, for logits from some position on.
///
/// The last layer queries for the wanted positions alone, and sees hidden keys as far back as the window reaches; these
/// are of the layer's input, which the layer before computes from as far back again, and so on down. The extra cost is
/// bounded by layers · (W − 1) positions, whatever the length of the prompt.
struct DependencyCone {
  /// For each layer, the first position whose hidden copies query, and the first whose keys are needed.
  let queries: [Int]
  let keys: [Int]

  /// - Parameter wanted: the first position whose logits are wanted.
  init(_ model: InferenceModel, wanted: Int) {
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

/// Where the rows of one layer's input lie: every sequence's cached copies, [sequence][position][copy], and then every
/// sequence's hidden ones, likewise.
struct RowPlan {
  let cachedStarts: [Int]
  let hiddenStarts: [Int]
  let count: Int

  init(_ extensions: [NewTokens], _ model: InferenceModel, hidden: (NewTokens) -> Range<Int>) {
    var next = 0
    func starts(_ rows: (NewTokens) -> Int) -> [Int] {
      extensions.map { one in
        defer { next += rows(one) }
        return next
      }
    }
    cachedStarts = starts { $0.positions.count * model.cachedCopies }
    hiddenStarts = starts { hidden($0).count * model.hiddenCopies }
    count = next
  }
}
