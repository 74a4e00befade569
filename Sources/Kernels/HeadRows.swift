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
        let source = UnsafePointer(rows.row(Int(order[index])))
        let factor =
          heads.queryScale
          * RMSNorm.inverseRMS(FloatRow(rows, Int(order[index])), count: rows.columns, epsilon: epsilon)
        for head in 0..<heads.queryHeads {
          let place =
            (head / heads.headsPerKey &* order.count &+ index) &* heads.headsPerKey &+ head % heads.headsPerKey
          let query = queries + place &* size
          for padding in heads.headSize..<size { query[padding] = 0 }
          rotate(
            query, source + head &* heads.headSize, weight + head &* heads.headSize, factor,
            rotary.row(Int(positions[index])), heads.headSize)
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
          let source = UnsafePointer(rows.row(index))
          let factor = RMSNorm.inverseRMS(FloatRow(rows, index), count: columns, epsilon: epsilon)
          let (store, slot) = (stores[index], Int(slots[index]))
          for head in 0..<heads.keyValueHeads {
            let column = head &* size
            rotate(key, source + column, weight + column, factor, rotary.row(Int(positions[index])), size)
            let turned = store.panels(head) + store.offset(slot)
            for element in 0..<size { turned[element &* panel] = key[element] }
            (store.values(head) + slot &* heads.paddedHeadSize).update(from: source + columns + column, count: size)
          }
        }
      }
    }
  }

  /// target ← RoPE(x · weight · factor), one head.
  @inline(__always)
  private static func rotate(
    _ target: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ factor: Float,
    _ angles: UnsafePointer<Float>, _ size: Int
  ) {
    let half = size / 2
    overVectors(half) { column in
      let low = x.vector(at: column) * weight.vector(at: column) * factor
      let high = x.vector(at: half &+ column) * weight.vector(at: half &+ column) * factor
      let (cos, sin) = (angles.vector(at: column), angles.vector(at: half &+ column))
      target.store(low * cos - high * sin, at: column)
      target.store(high * cos + low * sin, at: half &+ column)
    } tail: { column in
      let low = x[column] * weight[column] * factor
      let high = x[half &+ column] * weight[half &+ column] * factor
      target[column] = low * angles[column] - high * angles[half &+ column]
      target[half &+ column] = high * angles[column] + low * angles[half &+ column]
    }
  }
}
