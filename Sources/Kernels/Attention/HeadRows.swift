/// From a projection's rows to cached attention's queries and keys, row by row: rows may be of any position.
public enum HeadRows {
  /// queries[kv head][row][query head of the kv head][padded e] ← scale · RoPE(RMSNorm(rows)); without a norm, of the rows themselves.
  ///
  /// - Parameters:
  ///   - queries: [rows · query heads, padded e], fp32 or bf16, without gaps.
  ///   - order: for each row of `queries`, the row of `rows` that it is.
  ///   - positions: of each row of `queries`.
  public static func queries(
    _ queries: Matrix, _ rows: Matrix, order: [Int32], positions: [Int32], norm: HeadNorm?,
    rotary: RotaryTable, heads: HeadShape, on team: ThreadTeam
  ) {
    precondition(
      queries.rows == order.count * heads.queryHeads && queries.columns == heads.paddedHeadSize
        && queries.stride == queries.columns, "\(queries)")
    switch queries.type {
    case .fp32: self.queries(FloatRow(queries, 0), rows, order, positions, norm, rotary, heads, team)
    case .bf16: self.queries(BF16Row(queries, 0), rows, order, positions, norm, rotary, heads, team)
    }
  }

  @inline(__always)
  private static func queries(
    _ queries: some MatrixRow, _ rows: Matrix, _ order: [Int32], _ positions: [Int32],
    _ norm: HeadNorm?, _ rotary: RotaryTable, _ heads: HeadShape,
    _ team: ThreadTeam
  ) {
    let size = heads.paddedHeadSize
    team.forEach(Rows.pieces(order.count)) { piece, _ in
      for index in Rows.range(piece, of: order.count) {
        let source = FloatRow(rows, Int(order[index]))
        let scale = heads.queryScale
        let factor = norm.map { scale * $0.scale(of: source, count: rows.columns) } ?? scale
        for head in 0..<heads.queryHeads {
          let place =
            (head / heads.headsPerKey &* order.count &+ index) &* heads.headsPerKey &+ head % heads.headsPerKey
          let query = queries.advanced(by: place &* size)
          let first = head &* heads.headSize
          rotary.rotate(
            query, source.advanced(by: first), weight: norm.map { UnsafePointer($0.weight + first) }, factor: factor,
            position: Int(positions[index]))
          query.clear(heads.headSize..<size)
        }
      }
    }
  }

  /// Puts RoPE(RMSNorm(keys)), likewise, and the values of each row into its slot of its store.
  ///
  /// - Parameters:
  ///   - rows: [rows, 2·g·e], keys and then values.
  ///   - stores, slots: where each row goes.
  public static func store(
    _ rows: Matrix, stores: [KeyStore], slots: [Int32], positions: [Int32], norm: HeadNorm?, rotary: RotaryTable,
    heads: HeadShape, on team: ThreadTeam
  ) {
    let size = heads.headSize
    let columns = heads.keyValueHeads * size
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: heads.paddedHeadSize) { scratch in
        guard let key = scratch.baseAddress else { return }
        scratch.update(repeating: 0)
        for index in Rows.range(piece, of: rows.rows) {
          let source = FloatRow(rows, index)
          let factor = norm.map { $0.scale(of: source, count: columns) } ?? 1
          let (store, slot) = (stores[index], Int(slots[index]))
          for head in 0..<heads.keyValueHeads {
            let column = head &* size
            rotary.rotate(
              FloatRow(key), source.advanced(by: column), weight: norm.map { UnsafePointer($0.weight + column) },
              factor: factor,
              position: Int(positions[index]))
            let value = source.pointer + columns + column
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
