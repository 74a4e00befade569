import Kernels

/// One group of copies whose queries are laid out together in a layer.
struct QueryGroup {
  /// Its rows among the layer's query rows.
  let rows: Range<Int>
  let copies: Int
  /// Which copy of its group the first is.
  let firstCopy: Int
  /// Which of the pattern's groups it belongs to.
  let group: Int
}

extension ModelPass {
  /// The groups of copies that query in a layer: all, but in the last layer copy K alone.
  func queryGroups(layer: Int) -> [QueryGroup] {
    let groups = shape.hiddenDecoding.groups
    if shape.isForLastCopy(layer) {
      let last = groups.count - 1
      return [
        QueryGroup(rows: 0..<shape.rowsPerCopy, copies: 1, firstCopy: groups[last].count - 1, group: last)
      ]
    }
    return groups.enumerated().map { index, group in
      QueryGroup(rows: rows(of: group), copies: group.count, firstCopy: 0, group: index)
    }
  }

  /// The rows of a group's copies among all.
  func rows(of group: CopyGroup) -> Range<Int> {
    group.first * shape.rowsPerCopy..<(group.first + group.count) * shape.rowsPerCopy
  }

  /// The norm of queries or keys, where the model has one.
  func headNorm(_ weight: UnsafeMutablePointer<Float>?) -> HeadNorm? {
    weight.map { HeadNorm(weight: $0, epsilon: epsilon) }
  }

  /// Norms, rotates and lays out a layer's queries, keys and values for attention.
  func layOut(_ layer: Int, _ weights: LayerWeights) {
    let kept = activations(of: layer)
    for group in queryGroups(layer: layer) {
      HeadLayout.queries(shape.attention, copies: group.copies, rotations: textPositions).normalizeRotateScatter(
        kept.query.rows(group.rows), norm: headNorm(weights.queryNorm), rotary: rotary,
        scale: shape.attention.queryScale, into: heads(plan.queries, group.rows, heads: model.queryHeads), on: team)
    }
    for group in shape.hiddenDecoding.groups {
      let layout = HeadLayout.keys(shape.attention, copies: group.count, rotations: textPositions)
      let rows = rows(of: group)
      layout.normalizeRotateScatter(
        kept.keys.rows(rows), norm: headNorm(weights.keyNorm), rotary: rotary, scale: 1,
        into: heads(plan.keys, rows, heads: model.keyValueHeads), on: team)
      layout.scatter(
        kept.values.rows(rows), into: heads(plan.values, rows, heads: model.keyValueHeads), on: team)
    }
  }

  /// The heads of some rows, as attention's products take them: [rows · heads, padded e].
  private func heads(_ offset: Int, _ rows: Range<Int>, heads: Int) -> Matrix {
    matrix(offset, shape.attentionPrecision, rows: shape.rows * heads, columns: shape.attention.paddedHeadSize)
      .rows(rows.lowerBound * heads..<rows.upperBound * heads)
  }

  /// The groups of queries as attention takes them, reading and writing where the plan says.
  func attentionQueries(layer: Int) -> [AttentionQueries] {
    let kept = activations(of: layer)
    return queryGroups(layer: layer).map { group in
      let start = group.rows.lowerBound * shape.paddedQueryColumns
      return AttentionQueries(
        queries: heads(plan.queries, group.rows, heads: model.queryHeads).base,
        queryGradients: trains ? place(plan.queryGradients + start) : nil,
        copies: group.copies, firstCopy: group.firstCopy, keys: attentionKeys(of: group.group),
        output: kept.attentionOutput.rows(group.rows),
        logSumExps: kept.logSumExps + group.rows.lowerBound * model.queryHeads)
    }
  }

  /// The keys that queries of a pattern's group see: every group's up to their own.
  private func attentionKeys(of own: Int) -> [AttentionKeys] {
    shape.hiddenDecoding.groups(seenFrom: own).enumerated().map { index, group in
      let rows = rows(of: group)
      let start = rows.lowerBound * shape.paddedKeyColumns
      let before = shape.hiddenDecoding.groups[..<index].map { shape.keyPanels($0) }
      let panels = before.reduce(0) { $0 + $1.count }
      return AttentionKeys(
        keys: heads(plan.keys, rows, heads: model.keyValueHeads).base,
        values: heads(plan.values, rows, heads: model.keyValueHeads).base,
        keyPanels: place(plan.keyPanels + panels), valuePanels: trains ? place(plan.valuePanels + panels) : nil,
        interleaved: place(plan.interleaved + before.reduce(0) { $0 + $1.interleavedCount }),
        keyGradients: trains ? place(plan.keyGradients + start) : nil,
        valueGradients: trains ? place(plan.valueGradients + start) : nil,
        copies: group.count,
        firstVisible: group.windowed ? UnsafePointer(firstVisible) : hasDocuments ? UnsafePointer(textStarts) : nil,
        window: group.windowed ? shape.hiddenDecoding.window : shape.positions, own: index == own)
    }
  }
}
