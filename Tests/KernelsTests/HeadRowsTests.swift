import Testing

@testable import Kernels

/// ``HeadRowsKernel`` and ``KeyStore`` against a double-precision loop over rows and heads.
@Suite struct HeadRowsTests {
  static let heads = [
    HeadShape(queryHeads: 1, keyValueHeads: 1, headSize: 2), HeadShape(queryHeads: 3, keyValueHeads: 1, headSize: 6),
    HeadShape(queryHeads: 6, keyValueHeads: 2, headSize: 20), HeadShape(queryHeads: 2, keyValueHeads: 2, headSize: 34),
    HeadShape(queryHeads: 2, keyValueHeads: 1, headSize: 32), HeadShape(queryHeads: 1, keyValueHeads: 1, headSize: 66),
  ]
  static let counts = [1, 70]

  private static let theta = 100.0
  private static let epsilon = 1e-3

  /// scale · RoPE(RMSNorm(row)), or of the row itself, head after head.
  private func rotated(_ row: [Double], _ weight: [Double]?, size: Int, position: Int, scale: Double) -> [[Double]] {
    let normed = weight.map { RMSNormOracle.forward(row, weight: $0, epsilon: Self.epsilon) } ?? row
    return stride(from: 0, to: row.count, by: size).map { start in
      RotaryOracle.rotate(Array(normed[start..<start + size]), position: position, theta: Self.theta).map { $0 * scale }
    }
  }

  private func norm(_ weight: TestMatrix, _ hasNorm: Bool) -> HeadNorm? {
    hasNorm ? HeadNorm(weight: weight.floats, epsilon: Float(Self.epsilon)) : nil
  }

  @Test(arguments: heads, ElementType.allCases)
  func `queries are normalized rotated and scaled`(_ heads: HeadShape, _ type: ElementType) throws {
    for (count, hasNorm) in Self.counts.flatMap({ [($0, true), ($0, false)] }) {
      let columns = heads.queryHeads * heads.headSize
      let rows = TestMatrix(.fp32, rows: count, columns: columns, seed: 1)
      let weight = TestMatrix(.fp32, rows: 1, columns: columns, seed: 2)
      let order = (0..<count).map { Int32(count - 1 - $0) }
      let positions = (0..<count).map { Int32($0 * 7 % 41) }
      let rotary = RotaryTable(positions: 41, headSize: heads.headSize, theta: Self.theta)
      let results = try everyWay { kernels, team in
        let queries = TestMatrix(type, rows: count * heads.queryHeads, columns: heads.paddedHeadSize, repeating: 7)
        kernels.headRows.queries(
          queries.matrix, rows.matrix, order: order, positions: positions, norm: norm(weight, hasNorm), rotary: rotary,
          heads: heads, on: team)
        return queries.values
      }
      let headsPerKey = heads.queryHeads / heads.keyValueHeads
      var expected = [Double](repeating: 0, count: results.count)
      for index in 0..<count {
        let rotated = rotated(
          rows.row(Int(order[index])), hasNorm ? weight.row(0) : nil, size: heads.headSize,
          position: Int(positions[index]), scale: Double(heads.queryScale))
        for (head, values) in rotated.enumerated() {
          let start =
            ((head / headsPerKey * count + index) * headsPerKey + head % headsPerKey) * heads.paddedHeadSize
          expected.replaceSubrange(start..<start + heads.headSize, with: values)
        }
      }
      let error = largestError(results, expected)
      #expect(error < type.tolerance, "\(count) rows, norm \(hasNorm): \(error)")
    }
  }

  @Test(arguments: heads, ElementType.allCases)
  func `keys and values are stored and copied`(_ heads: HeadShape, _ type: ElementType) throws {
    for (count, hasNorm) in Self.counts.flatMap({ [($0, true), ($0, false)] }) {
      let columns = heads.keyValueHeads * heads.headSize
      let rows = TestMatrix(.fp32, rows: count, columns: 2 * columns, seed: 1)
      let weight = TestMatrix(.fp32, rows: 1, columns: columns, seed: 2)
      let positions = (0..<count).map { Int32($0 * 7 % 41) }
      // Odd slots too, in descending order.
      let slots = (0..<count).map { Int32(count - $0) }
      let rotary = RotaryTable(positions: 41, headSize: heads.headSize, theta: Self.theta)
      var (keys, values): ([[Double]], [[Double]]) = ([], [])
      for row in 0..<count {
        keys += rotated(
          rows.row(row, 0..<columns), hasNorm ? weight.row(0) : nil, size: heads.headSize,
          position: Int(positions[row]), scale: 1)
        values += rotated(rows.row(row, columns..<2 * columns), nil, size: heads.headSize, position: 0, scale: 1)
      }
      let found = try everyWay { kernels, team in
        let store = KeyStore(heads, type, slots: count + 1)
        kernels.headRows.store(
          rows.matrix, stores: Array(repeating: store, count: count), slots: slots, positions: positions,
          norm: norm(weight, hasNorm), rotary: rotary, heads: heads, on: team)
        let copy = KeyStore(heads, type, slots: count + 4)
        copy.copy(count, from: store, at: 1, to: 4)
        return [(store, 0), (copy, 3)].map { store, shift in
          var (foundKeys, foundValues): ([Double], [Double]) = ([], [])
          for row in 0..<count {
            for head in 0..<heads.keyValueHeads {
              foundKeys += self.key(store, slot: Int(slots[row]) + shift, head: head)
              foundValues += self.value(store, slot: Int(slots[row]) + shift, head: head)
            }
          }
          return [foundKeys, foundValues]
        }
      }
      let padding = [Double](repeating: 0, count: heads.paddedHeadSize - heads.headSize)
      for store in found {
        let keyError = largestError(store[0], keys.flatMap { $0 + padding })
        #expect(keyError < type.tolerance, "keys, \(count) rows, norm \(hasNorm): \(keyError)")
        let valueError = largestError(store[1], values.flatMap { $0 + padding })
        #expect(valueError < type.tolerance, "values, \(count) rows: \(valueError)")
      }
    }
  }

  /// A key [padded e], by the documented order: [panel of 64][lanes of padded e][64].
  private func key(_ store: KeyStore, slot: Int, head: Int) -> [Double] {
    let size = store.heads.paddedHeadSize
    return (0..<size).map { column in
      switch store.type {
      case .fp32:
        let panels = store.panels(head).assumingMemoryBound(to: Float.self)
        return Double(panels[(slot / 64 * size + column) * 64 + slot % 64])
      case .bf16:
        let panels = store.panels(head).assumingMemoryBound(to: UInt16.self)
        return Double(Float(bf16: panels[((slot / 64 * size / 2 + column / 2) * 64 + slot % 64) * 2 + column % 2]))
      }
    }
  }

  /// A value [padded e], by the documented order: [lanes of slots][padded e].
  private func value(_ store: KeyStore, slot: Int, head: Int) -> [Double] {
    let size = store.heads.paddedHeadSize
    return (0..<size).map { column in
      switch store.type {
      case .fp32:
        return Double(store.values(head).assumingMemoryBound(to: Float.self)[slot * size + column])
      case .bf16:
        let values = store.values(head).assumingMemoryBound(to: UInt16.self)
        return Double(Float(bf16: values[(slot / 2 * size + column) * 2 + slot % 2]))
      }
    }
  }
}
