import Tensors

/// The implementation of ``HeadRowsKernel``.
enum HeadRows: HeadRowsKernel {
  static func queries(
    _ queries: Matrix, _ rows: Matrix, order: [Int32], positions: [Int32], norm: HeadNorm?,
    rotary: RotaryTable, heads: HeadShape, on team: ThreadTeam
  ) {
    precondition(
      queries.rows == order.count * heads.queryHeads && queries.columns == heads.paddedHeadSize
        && queries.stride == queries.columns, "\(queries)")
    let rotation = HeadRotation(norm: norm, rotary: rotary, scale: heads.queryScale)
    switch queries.type {
    case .fp32: self.queries(FloatRow(queries, 0), rows, order, positions, rotation, heads, team)
    case .bf16: self.queries(BF16Row(queries, 0), rows, order, positions, rotation, heads, team)
    }
  }

  @inline(__always)
  private static func queries(
    _ queries: some MatrixRow, _ rows: Matrix, _ order: [Int32], _ positions: [Int32], _ rotation: HeadRotation,
    _ heads: HeadShape, _ team: ThreadTeam
  ) {
    let places = HeadOrder(
      headsPerKey: heads.headsPerKey, rows: order.count, paddedHeadSize: heads.paddedHeadSize)
    team.forEach(Rows.pieces(order.count)) { piece, _ in
      for index in Rows.range(piece, of: order.count) {
        let source = FloatRow(rows, Int(order[index]))
        let factor = rotation.factor(of: source, columns: rows.columns)
        let start = places.offset(row: index)
        for head in 0..<heads.queryHeads {
          let query = queries.advanced(by: start &+ places.offset(head: head))
          rotation.write(query, head: head, of: source, factor: factor, position: Int(positions[index]))
          query.clear(heads.headSize..<heads.paddedHeadSize)
        }
      }
    }
  }

  static func store(
    _ rows: Matrix, stores: [KeyStore], slots: [Int32], positions: [Int32], norm: HeadNorm?, rotary: RotaryTable,
    heads: HeadShape, on team: ThreadTeam
  ) {
    let columns = heads.keyValueHeads * heads.headSize
    let rotation = HeadRotation(norm: norm, rotary: rotary, scale: 1)
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: heads.paddedHeadSize) { scratch in
        guard let key = scratch.baseAddress else { return }
        scratch.update(repeating: 0)
        for index in Rows.range(piece, of: rows.rows) {
          let source = FloatRow(rows, index)
          let factor = rotation.factor(of: source, columns: columns)
          let (store, slot) = (stores[index], Int(slots[index]))
          for head in 0..<heads.keyValueHeads {
            rotation.write(FloatRow(key), head: head, of: source, factor: factor, position: Int(positions[index]))
            let value = source.pointer + columns + head &* heads.headSize
            switch store.type {
            case .fp32: store.put(FloatLanes.self, slot: slot, head: head, key: key, value: value)
            case .bf16: store.put(RoundedBF16Lanes.self, slot: slot, head: head, key: key, value: value)
            }
          }
        }
      }
    }
  }
}
