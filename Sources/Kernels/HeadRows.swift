/// From a projection's rows to cached attention's queries and keys, row by row: rows may be of any position.
public enum HeadRows {
  /// queries[kv head][row][query head of the kv head][padded e] ← scale · RoPE(RMSNorm(rows)).
  ///
  /// - Parameters:
  ///   - queries: `rows.rows` · query heads · padded e floats.
  ///   - order: for each row of `queries`, the row of `rows` that it is.
  ///   - positions: of each row of `queries`.
  public static func queries(
    _ queries: UnsafeMutablePointer<Float>, _ rows: Matrix, order: [Int32], positions: [Int32],
    weight: UnsafePointer<Float>, epsilon: Float, rotary: RotaryTable, heads: HeadShape, on team: ThreadTeam
  ) {
    let size = heads.paddedHeadSize
    team.forEach(Rows.pieces(order.count)) { piece, _ in
      for index in Rows.range(piece, of: order.count) {
        let source = FloatRow(rows, Int(order[index]))
        let factor = heads.queryScale * RMSNorm.inverseRMS(source, count: rows.columns, epsilon: epsilon)
        for head in 0..<heads.queryHeads {
          let place =
            (head / heads.headsPerKey &* order.count &+ index) &* heads.headsPerKey &+ head % heads.headsPerKey
          let query = FloatRow(queries + place &* size)
          let first = head &* heads.headSize
          rotary.rotate(
            query, source.advanced(by: first), weight: weight + first, factor: factor, position: Int(positions[index]))
          query.clear(heads.headSize..<size)
        }
      }
    }
  }

  /// Puts RoPE(RMSNorm(keys)) and the values of each row into its slot of its store.
  ///
  /// - Parameters:
  ///   - rows: [rows, 2·g·e], keys and then values.
  ///   - stores, slots: where each row goes.
  public static func store(
    _ rows: Matrix, stores: [KeyStore], slots: [Int32], positions: [Int32], weight: UnsafePointer<Float>,
    epsilon: Float, rotary: RotaryTable, heads: HeadShape, on team: ThreadTeam
  ) {
    let (size, panel) = (heads.headSize, BlockProduct.panel)
    let columns = heads.keyValueHeads * size
    team.forEach(Rows.pieces(rows.rows)) { piece, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: heads.paddedHeadSize) { scratch in
        guard let key = scratch.baseAddress else { return }
        for index in Rows.range(piece, of: rows.rows) {
          let source = FloatRow(rows, index)
          let factor = RMSNorm.inverseRMS(source, count: columns, epsilon: epsilon)
          let (store, slot) = (stores[index], Int(slots[index]))
          for head in 0..<heads.keyValueHeads {
            let column = head &* size
            rotary.rotate(
              FloatRow(key), source.advanced(by: column), weight: weight + column, factor: factor,
              position: Int(positions[index]))
            let turned = store.panels(head) + store.offset(slot)
            for element in 0..<size { turned[element &* panel] = key[element] }
            (store.values(head) + slot &* heads.paddedHeadSize).update(
              from: source.pointer + columns + column, count: size)
          }
        }
      }
    }
  }
}
