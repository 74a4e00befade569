import Transformer

/// New tokens of one sequence, on their way onto its cache.
struct Extension {
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

/// Where the rows of one layer's input lie: every sequence's cached copies, [sequence][position][copy], and then every
/// sequence's hidden ones, likewise.
struct RowPlan {
  let cachedStarts: [Int]
  let hiddenStarts: [Int]
  let count: Int

  init(_ extensions: [Extension], _ model: InferenceModel, hidden: (Extension) -> Range<Int>) {
    var next = 0
    func starts(_ rows: (Extension) -> Int) -> [Int] {
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
