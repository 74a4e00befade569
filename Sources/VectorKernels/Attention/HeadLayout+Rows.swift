import Tensors

// What ``Heads`` does for a layout.
extension HeadLayout {
  private func check(_ target: Matrix) {
    precondition(
      target.rows == copies * shape.rowsPerCopy * heads
        && target.columns == shape.paddedHeadSize && target.stride == target.columns, "\(target) for \(self)")
  }

  @inline(__always)
  private func eachRow(_ rows: Matrix, _ team: ThreadTeam, _ body: (_ row: Int) -> Void) {
    precondition(rows.rows == copies * shape.rowsPerCopy && rows.columns == columns, "\(rows) for \(self)")
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      for row in Rows.range(piece, of: rows.rows) { body(row) }
    }
  }

  // MARK: - Values

  func scatter(_ rows: Matrix, into target: Matrix, on team: ThreadTeam) {
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
    eachRow(rows, team) { row in
      let source = Row(rows, row)
      let start = offset(row: row)
      for head in 0..<heads {
        let target = target.advanced(by: start &+ order.offset(head: head))
        let values = source.advanced(by: head &* shape.headSize)
        overVectors(shape.headSize) { column in
          target.store(values.vector(at: column), at: column)
        } tail: { column in
          target[column] = values[column]
        }
        target.clear(shape.headSize..<shape.paddedHeadSize)
      }
    }
  }

  func gather(_ source: UnsafeMutablePointer<Float>, into rows: Matrix, on team: ThreadTeam) {
    switch rows.type {
    case .fp32: gather(FloatRow.self, source, rows, team)
    case .bf16: gather(BF16Row.self, source, rows, team)
    }
  }

  @inline(__always)
  private func gather<Row: MatrixRow>(
    _: Row.Type, _ source: UnsafeMutablePointer<Float>, _ rows: Matrix, _ team: ThreadTeam
  ) {
    eachRow(rows, team) { row in
      let target = Row(rows, row)
      let start = source + offset(row: row)
      for head in 0..<heads {
        let source = start + order.offset(head: head)
        let values = target.advanced(by: head &* shape.headSize)
        overVectors(shape.headSize) { column in
          values.store(source.vector(at: column), at: column)
        } tail: { column in
          values[column] = source[column]
        }
      }
    }
  }

  // MARK: - Queries and keys

  func normalizeRotateScatter(
    _ rows: Matrix, norm: HeadNorm?, rotary: RotaryTable, scale: Float, into target: Matrix, on team: ThreadTeam
  ) {
    check(target)
    let rotation = HeadRotation(norm: norm, rotary: rotary, scale: scale)
    switch (rows.type, target.type) {
    case (.fp32, .fp32): normalizeRotateScatter(FloatRow.self, rows, rotation, FloatRow(target, 0), team)
    case (.fp32, .bf16): normalizeRotateScatter(FloatRow.self, rows, rotation, BF16Row(target, 0), team)
    case (.bf16, .fp32): normalizeRotateScatter(BF16Row.self, rows, rotation, FloatRow(target, 0), team)
    case (.bf16, .bf16): normalizeRotateScatter(BF16Row.self, rows, rotation, BF16Row(target, 0), team)
    }
  }

  @inline(__always)
  private func normalizeRotateScatter<Row: MatrixRow>(
    _: Row.Type, _ rows: Matrix, _ rotation: HeadRotation, _ target: some MatrixRow, _ team: ThreadTeam
  ) {
    eachRow(rows, team) { row in
      let source = Row(rows, row)
      let factor = rotation.factor(of: source, columns: columns)
      let start = offset(row: row)
      for head in 0..<heads {
        let target = target.advanced(by: start &+ order.offset(head: head))
        rotation.write(target, head: head, of: source, factor: factor, position: self.rotation(row: row))
        target.clear(shape.headSize..<shape.paddedHeadSize)
      }
    }
  }

  func gatherRotateNormalize(
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
      let partial = sums.zeroed(piece: piece, columns: columns)
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
    eachRow(gradient, team) { row in gatherRotate(Row(gradient, row), source, rotary, row: row) }
  }

  /// target ← one row's heads, rotated back.
  @inline(__always)
  private func gatherRotate(
    _ target: some MatrixRow, _ source: UnsafeMutablePointer<Float>, _ rotary: RotaryTable, row: Int
  ) {
    let start = source + offset(row: row)
    for head in 0..<heads {
      rotary.rotateBack(
        target.advanced(by: head &* shape.headSize), start + order.offset(head: head), position: rotation(row: row))
    }
  }
}
