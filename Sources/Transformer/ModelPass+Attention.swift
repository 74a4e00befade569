import Kernels

/// A group of copies whose queries are processed together in a layer.
struct QueryGroup {
  /// The group's rows in the layer's matrices of queries.
  let rows: Range<Int>
  let copies: Int
  /// The index of the first querying copy within the pattern's group.
  let firstCopy: Int
  /// The index of the group in ``HiddenDecoding/groups``.
  let patternGroup: Int
}

extension ModelPass {
  /// The groups of copies that have queries in a layer: all groups, but in the last layer only copy K.
  func queryGroups(layer: Int) -> [QueryGroup] {
    let groups = shape.hiddenDecoding.groups
    if shape.computesLastCopyOnly(layer) {
      let last = groups.count - 1
      return [
        QueryGroup(rows: 0..<shape.rowsPerCopy, copies: 1, firstCopy: groups[last].count - 1, patternGroup: last)
      ]
    }
    return groups.enumerated().map { index, group in
      QueryGroup(rows: rows(of: group), copies: group.count, firstCopy: 0, patternGroup: index)
    }
  }

  /// The rows of a group's copies in a matrix with the rows of all copies.
  func rows(of group: CopyGroup) -> Range<Int> {
    group.first * shape.rowsPerCopy..<(group.first + group.count) * shape.rowsPerCopy
  }

  /// The norm of queries or keys; nil if the model has none.
  func headNorm(_ weight: UnsafeMutablePointer<Float>?) -> HeadNorm? {
    weight.map { HeadNorm(weight: $0, epsilon: epsilon) }
  }

  /// Normalizes and rotates a layer's queries and keys, and copies queries, keys and values into the order of heads
  /// that attention reads.
  func prepareHeads(_ layer: Int, _ weights: LayerWeights) {
    let activations = activations(of: layer)
    for group in queryGroups(layer: layer) {
      kernels.headLayout.normalizeRotateScatter(
        HeadLayout.queries(shape.attention, copies: group.copies, rotations: documentPositions),
        activations.query.rows(group.rows), norm: headNorm(weights.queryNorm), rotary: rotary,
        scale: shape.attention.queryScale, into: heads(plan.queries, group.rows, heads: model.queryHeads), on: team)
    }
    for group in shape.hiddenDecoding.groups {
      let layout = HeadLayout.keys(shape.attention, copies: group.count, rotations: documentPositions)
      let rows = rows(of: group)
      kernels.headLayout.normalizeRotateScatter(
        layout, activations.keys.rows(rows), norm: headNorm(weights.keyNorm), rotary: rotary, scale: 1,
        into: heads(plan.keys, rows, heads: model.keyValueHeads), on: team)
      kernels.headLayout.scatter(
        layout, activations.values.rows(rows), into: heads(plan.values, rows, heads: model.keyValueHeads), on: team)
    }
  }

  /// The heads of some rows in head-major order, [rows · heads, padded e].
  private func heads(_ offset: Int, _ rows: Range<Int>, heads: Int) -> Matrix {
    matrix(offset, shape.attentionPrecision, rows: shape.rows * heads, columns: shape.attention.paddedHeadSize)
      .rows(rows.lowerBound * heads..<rows.upperBound * heads)
  }

  /// The operands and results of a layer's attention, one element per group of queries.
  func attentionQueries(layer: Int) -> [AttentionQueries] {
    let activations = activations(of: layer)
    return queryGroups(layer: layer).map { group in
      let start = group.rows.lowerBound * shape.paddedQueryColumns
      return AttentionQueries(
        queries: heads(plan.queries, group.rows, heads: model.queryHeads).base,
        queryGradients: trains ? pointer(at: plan.queryGradients + start) : nil,
        copies: group.copies, firstCopy: group.firstCopy, keys: attentionKeys(seenFrom: group.patternGroup),
        output: activations.attentionOutput.rows(group.rows),
        logSumExps: activations.logSumExps + group.rows.lowerBound * model.queryHeads)
    }
  }

  /// The keys that the queries of pattern group `own` see: those of all groups up to and including `own`.
  private func attentionKeys(seenFrom own: Int) -> [AttentionKeys] {
    shape.hiddenDecoding.groups(seenFrom: own).enumerated().map { index, group in
      let rows = rows(of: group)
      let start = rows.lowerBound * shape.paddedKeyColumns
      let before = shape.hiddenDecoding.groups[..<index].map { shape.keyPanels($0) }
      let panels = before.reduce(0) { $0 + $1.count }
      return AttentionKeys(
        keys: heads(plan.keys, rows, heads: model.keyValueHeads).base,
        values: heads(plan.values, rows, heads: model.keyValueHeads).base,
        keyPanels: pointer(at: plan.keyPanels + panels),
        valuePanels: trains ? pointer(at: plan.valuePanels + panels) : nil,
        interleaved: pointer(at: plan.interleaved + before.reduce(0) { $0 + $1.interleavedCount }),
        keyGradients: trains ? pointer(at: plan.keyGradients + start) : nil,
        valueGradients: trains ? pointer(at: plan.valueGradients + start) : nil,
        copies: group.count,
        firstVisible: group.windowed ? UnsafePointer(firstVisible) : hasDocuments ? UnsafePointer(documentStarts) : nil,
        window: group.windowed ? shape.hiddenDecoding.window : shape.positions, own: index == own)
    }
  }
}
