/// From the rows of a projection to the order in which attention reads them, and back.
///
/// A projection's rows are [copy][sequence][position], its columns [head][e]. Attention wants, for each sequence and
/// kv head, [position][copy][query head of the kv head][e]: then the queries of a block of positions, of all copies
/// and of all heads that read the same keys, are one matrix without a gap, [rows · heads, padded e].
///
/// Both may be bf16; gradients in attention's order are fp32.
public struct HeadLayout {
  let shape: AttentionShape
  /// Copies laid out side by side.
  let copies: Int
  /// Heads beside each other at a position: ``AttentionShape/headsPerKey`` for queries, 1 for keys and values.
  let headsPerKey: Int
  /// What queries and keys are rotated by, [sequences][positions].
  let rotations: UnsafePointer<Int32>

  public static func queries(
    _ shape: AttentionShape, copies: Int, rotations: UnsafePointer<Int32>
  ) -> HeadLayout {
    HeadLayout(shape: shape, copies: copies, headsPerKey: shape.headsPerKey, rotations: rotations)
  }

  public static func keys(_ shape: AttentionShape, copies: Int, rotations: UnsafePointer<Int32>) -> HeadLayout {
    HeadLayout(shape: shape, copies: copies, headsPerKey: 1, rotations: rotations)
  }

  /// How many positions a row is from where its text starts.
  @inline(__always)
  private func rotation(row: Int) -> Int { Int(rotations[row % shape.rowsPerCopy]) }

  /// Columns of the projection.
  var columns: Int { shape.keyValueHeads * headsPerKey * shape.headSize }

  /// Where the heads of a row that belong to kv head 0 start; those of the next kv head are ``headStride`` further.
  @inline(__always)
  func offset(row: Int) -> Int {
    let perCopy = shape.rowsPerCopy
    let copy = row / perCopy
    let sequence = (row % perCopy) / shape.positions
    let position = row % shape.positions
    let place = (sequence &* shape.keyValueHeads &* shape.positions &+ position) &* copies &+ copy
    return place &* headsPerKey &* shape.paddedHeadSize
  }

  var headStride: Int { shape.positions * copies * headsPerKey * shape.paddedHeadSize }

  /// Where a head of a row starts, from the row's ``offset(row:)`` on.
  @inline(__always)
  private func place(of head: Int) -> Int {
    (head / headsPerKey) &* headStride &+ (head % headsPerKey) &* shape.paddedHeadSize
  }

  private func check(_ target: Matrix) {
    precondition(
      target.rows == copies * shape.rowsPerCopy * shape.keyValueHeads * headsPerKey
        && target.columns == shape.paddedHeadSize && target.stride == target.columns, "\(target) for \(self)")
  }

  // MARK: values

  /// target ← rows, in attention's order.
  public func scatter(_ rows: Matrix, into target: Matrix, on team: ThreadTeam) {
    check(target)
    switch (rows.type, target.type) {
    case (.fp32, .fp32): scatter(FloatRow.self, rows, FloatRow(target, 0), team)
    case (.fp32, .bf16): scatter(FloatRow.self, rows, BF16Row(target, 0), team)
    case (.bf16, .fp32): scatter(BF16Row.self, rows, FloatRow(target, 0), team)
    case (.bf16, .bf16): scatter(BF16Row.self, rows, BF16Row(target, 0), team)
    }
  }

  @inline(__always)
  private func scatter<Row: MatrixRow>(_: Row.Type, _ rows: Matrix, _ target: some MatrixRow, _ team: ThreadTeam) {
    eachPiece(rows, team) { row in
      let source = Row(rows, row)
      let start = offset(row: row)
      for head in 0..<shape.keyValueHeads &* headsPerKey {
        let place = target.advanced(by: start &+ place(of: head))
        let values = source.advanced(by: head &* shape.headSize)
        overVectors(shape.headSize) { column in
          place.store(values.vector(at: column), at: column)
        } tail: { column in
          place[column] = values[column]
        }
        place.clear(shape.headSize..<shape.paddedHeadSize)
      }
    }
  }

  /// rows ← source, back in the projection's order.
  public func gather(_ source: UnsafeMutablePointer<Float>, into rows: Matrix, on team: ThreadTeam) {
    switch rows.type {
    case .fp32: gather(FloatRow.self, source, rows, team)
    case .bf16: gather(BF16Row.self, source, rows, team)
    }
  }

  @inline(__always)
  private func gather<Row: MatrixRow>(
    _: Row.Type, _ source: UnsafeMutablePointer<Float>, _ rows: Matrix, _ team: ThreadTeam
  ) {
    eachPiece(rows, team) { row in
      let target = Row(rows, row)
      let start = source + offset(row: row)
      for head in 0..<shape.keyValueHeads &* headsPerKey {
        let place = start + place(of: head)
        let values = target.advanced(by: head &* shape.headSize)
        overVectors(shape.headSize) { column in
          values.store(place.vector(at: column), at: column)
        } tail: { column in
          values[column] = place[column]
        }
      }
    }
  }

  // MARK: queries and keys

  /// target ← scale · RoPE(RMSNorm(rows)), in attention's order; without a norm, of the rows themselves.
  public func normalizeRotateScatter(
    _ rows: Matrix, norm: HeadNorm?, rotary: RotaryTable, scale: Float, into target: Matrix, on team: ThreadTeam
  ) {
    check(target)
    switch (rows.type, target.type) {
    case (.fp32, .fp32): normalizeRotateScatter(FloatRow.self, rows, norm, rotary, scale, FloatRow(target, 0), team)
    case (.fp32, .bf16): normalizeRotateScatter(FloatRow.self, rows, norm, rotary, scale, BF16Row(target, 0), team)
    case (.bf16, .fp32): normalizeRotateScatter(BF16Row.self, rows, norm, rotary, scale, FloatRow(target, 0), team)
    case (.bf16, .bf16): normalizeRotateScatter(BF16Row.self, rows, norm, rotary, scale, BF16Row(target, 0), team)
    }
  }

  @inline(__always)
  private func normalizeRotateScatter<Row: MatrixRow>(
    _: Row.Type, _ rows: Matrix, _ norm: HeadNorm?, _ rotary: RotaryTable, _ scale: Float, _ target: some MatrixRow,
    _ team: ThreadTeam
  ) {
    eachPiece(rows, team) { row in
      let source = Row(rows, row)
      let factor = norm.map { scale * $0.scale(of: source, count: columns) } ?? scale
      let start = offset(row: row)
      for head in 0..<shape.keyValueHeads &* headsPerKey {
        let first = head &* shape.headSize
        let place = target.advanced(by: start &+ place(of: head))
        rotary.rotate(
          place, source.advanced(by: first), weight: norm.map { UnsafePointer($0.weight + first) }, factor: factor,
          position: rotation(row: row))
        place.clear(shape.headSize..<shape.paddedHeadSize)
      }
    }
  }

  /// gradient ← the gradient of `rows`, given that of their rotated norm in attention's order (`source`, of what the
  /// forward wrote before its scale); where there is a norm, weightGradient += that of its weight.
  public func gatherRotateNormalize(
    _ source: UnsafeMutablePointer<Float>, rows: Matrix, norm: HeadNorm?,
    weightGradient: UnsafeMutablePointer<Float>?, rotary: RotaryTable, into gradient: Matrix, sums: RowSums,
    on team: ThreadTeam
  ) {
    precondition(rows.type == gradient.type && (norm == nil) == (weightGradient == nil), "\(rows), \(gradient)")
    switch (rows.type, norm) {
    case (.fp32, let norm?): gatherRotateNormalize(FloatRow.self, source, rows, norm, rotary, gradient, sums, team)
    case (.bf16, let norm?): gatherRotateNormalize(BF16Row.self, source, rows, norm, rotary, gradient, sums, team)
    case (.fp32, nil): gatherRotate(FloatRow.self, source, rotary, gradient, team)
    case (.bf16, nil): gatherRotate(BF16Row.self, source, rotary, gradient, team)
    }
    if let weightGradient { sums.add(to: weightGradient, rows: rows.rows, columns: columns) }
  }

  @inline(__always)
  private func gatherRotateNormalize<Row: MatrixRow>(
    _: Row.Type, _ source: UnsafeMutablePointer<Float>, _ rows: Matrix, _ norm: HeadNorm, _ rotary: RotaryTable,
    _ gradient: Matrix, _ sums: RowSums, _ team: ThreadTeam
  ) {
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      let partial = sums.begin(piece: piece, columns: columns)
      let target = sums.row(piece: piece, columns: columns)
      for row in Rows.range(piece, of: rows.rows) {
        gatherRotate(FloatRow(target), source, rotary, row: row)
        RMSNorm.gradient(
          Row(gradient, row), x: Row(rows, row), dy: target, weight: norm.weight, weightSum: partial, count: columns,
          epsilon: norm.epsilon)
      }
    }
  }

  @inline(__always)
  private func gatherRotate<Row: MatrixRow>(
    _: Row.Type, _ source: UnsafeMutablePointer<Float>, _ rotary: RotaryTable, _ gradient: Matrix, _ team: ThreadTeam
  ) {
    eachPiece(gradient, team) { row in gatherRotate(Row(gradient, row), source, rotary, row: row) }
  }

  /// target ← one row's heads, turned back.
  @inline(__always)
  private func gatherRotate(
    _ target: some MatrixRow, _ source: UnsafeMutablePointer<Float>, _ rotary: RotaryTable, row: Int
  ) {
    let start = source + offset(row: row)
    for head in 0..<shape.keyValueHeads &* headsPerKey {
      rotary.rotateBack(
        target.advanced(by: head &* shape.headSize), start + place(of: head), position: rotation(row: row))
    }
  }

  @inline(__always)
  private func eachPiece(_ rows: Matrix, _ team: ThreadTeam, _ body: (_ row: Int) -> Void) {
    precondition(rows.rows == copies * shape.rowsPerCopy && rows.columns == columns, "\(rows) for \(self)")
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      for row in Rows.range(piece, of: rows.rows) { body(row) }
    }
  }
}
