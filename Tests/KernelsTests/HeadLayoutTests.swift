import Testing

@testable import Kernels

/// ``HeadLayout`` against a double-precision loop over rows and heads.
@Suite struct HeadLayoutTests {
  struct Case: CustomTestStringConvertible {
    var sequences = 1
    let positions: Int
    let copies: Int
    let heads: HeadShape

    init(sequences: Int = 1, positions: Int, copies: Int, _ queryHeads: Int, _ keyValueHeads: Int, headSize: Int) {
      self.sequences = sequences
      self.positions = positions
      self.copies = copies
      heads = HeadShape(queryHeads: queryHeads, keyValueHeads: keyValueHeads, headSize: headSize)
    }

    var testDescription: String {
      "\(sequences) × \(positions) × \(copies), \(heads.queryHeads):\(heads.keyValueHeads) heads of \(heads.headSize)"
    }

    var shape: AttentionShape { AttentionShape(sequences: sequences, positions: positions, heads: heads) }
    var rows: Int { sequences * positions * copies }
  }

  static let cases = [
    Case(positions: 1, copies: 1, 1, 1, headSize: 2),
    Case(positions: 5, copies: 3, 3, 1, headSize: 6),
    Case(sequences: 2, positions: 7, copies: 2, 6, 2, headSize: 20),
    Case(sequences: 3, positions: 33, copies: 1, 2, 2, headSize: 34),
    Case(sequences: 2, positions: 50, copies: 2, 4, 2, headSize: 16),
  ]

  /// The rows' type, and the type in head-major order.
  static let types = ElementType.allCases.flatMap { rows in ElementType.allCases.map { (rows, $0) } }

  private static let theta = 100.0
  private static let epsilon = 1e-3

  /// Positions that start again in the middle, as with two documents.
  private func rotations(_ shape: Case) -> [Int32] {
    (0..<shape.sequences * shape.positions).map { Int32($0 % shape.positions % max(1, shape.positions / 2 + 1)) }
  }

  private func layout(_ shape: Case, queries: Bool, _ rotations: UnsafePointer<Int32>) -> HeadLayout {
    queries
      ? .queries(shape.shape, copies: shape.copies, rotations: rotations)
      : .keys(shape.shape, copies: shape.copies, rotations: rotations)
  }

  /// The row in head-major order of one head of a row, by the documented order.
  private func place(_ shape: Case, row: Int, head: Int, headsPerKey: Int) -> Int {
    let copy = row / (shape.sequences * shape.positions)
    let sequence = row / shape.positions % shape.sequences
    let position = row % shape.positions
    let kvHead = sequence * shape.heads.keyValueHeads + head / headsPerKey
    return ((kvHead * shape.positions + position) * shape.copies + copy) * headsPerKey + head % headsPerKey
  }

  @Test(arguments: cases, types)
  func `values move to head-major order and back`(_ shape: Case, _ types: (rows: ElementType, heads: ElementType))
    throws
  {
    let (heads, size) = (shape.heads.keyValueHeads, shape.heads.headSize)
    let rows = TestMatrix(types.rows, rows: shape.rows, columns: heads * size, seed: 1)
    let rotations = rotations(shape)
    let layout = layout(shape, queries: false, rotations)
    let wrong = try everyWay { kernels, team in
      let target = TestMatrix(types.heads, rows: shape.rows * heads, columns: shape.heads.paddedHeadSize, repeating: 7)
      kernels.headLayout.scatter(layout, rows.matrix, into: target.matrix, on: team)
      var wrong = 0
      for row in 0..<shape.rows {
        for head in 0..<heads {
          let found = target.row(place(shape, row: row, head: head, headsPerKey: 1))
          let values = rows.row(row, head * size..<(head + 1) * size)
          let expected = types.heads == .fp32 ? values : values.map { Double(Float(bf16: Float($0).bf16)) }
          if found != expected + [Double](repeating: 0, count: shape.heads.paddedHeadSize - size) { wrong += 1 }
        }
      }
      if types.heads == .bf16 { return wrong }
      let back = TestMatrix(types.rows, rows: shape.rows, columns: heads * size, repeating: 7)
      kernels.headLayout.gather(layout, target.floats, into: back.matrix, on: team)
      #expect(back.values == rows.values)
      return wrong
    }
    #expect(wrong == 0, "\(wrong) heads")
  }

  @Test(arguments: cases, types)
  func `heads are normalized rotated and scaled`(_ shape: Case, _ types: (rows: ElementType, heads: ElementType)) throws
  {
    for isQuery in [true, false] {
      for hasNorm in [true, false] {
        let subject = Subject(shape, types.rows, isQuery: isQuery, hasNorm: hasNorm)
        let rotations = rotations(shape)
        let rotary = RotaryTable(positions: shape.positions, headSize: shape.heads.headSize, theta: Self.theta)
        let results = try everyWay { kernels, team in
          let target = TestMatrix(
            types.heads, rows: shape.rows * subject.heads, columns: shape.heads.paddedHeadSize, repeating: 7)
          kernels.headLayout.normalizeRotateScatter(
            layout(shape, queries: isQuery, rotations), subject.rows.matrix, norm: subject.norm, rotary: rotary,
            scale: 0.3, into: target.matrix, on: team)
          return target.values
        }
        var expected = [Double](repeating: 0, count: results.count)
        for row in 0..<shape.rows {
          let normed = subject.normed(row)
          for head in 0..<subject.heads {
            let rotated = RotaryOracle.rotate(
              Array(normed[head * subject.size..<(head + 1) * subject.size]),
              position: Int(rotations[row % (shape.sequences * shape.positions)]), theta: Self.theta)
            let start =
              place(shape, row: row, head: head, headsPerKey: subject.headsPerKey) * shape.heads.paddedHeadSize
            expected.replaceSubrange(start..<start + subject.size, with: rotated.map { 0.3 * $0 })
          }
        }
        let error = largestError(results, expected)
        #expect(error < types.heads.tolerance, "\(isQuery ? "queries" : "keys"), norm \(hasNorm): \(error)")
      }
    }
  }

  @Test(arguments: cases, ElementType.allCases)
  func `gradients are rotated back and taken through the norm`(_ shape: Case, _ type: ElementType) throws {
    for isQuery in [true, false] {
      for hasNorm in [true, false] {
        let subject = Subject(shape, type, isQuery: isQuery, hasNorm: hasNorm)
        let (columns, rotations) = (subject.heads * subject.size, rotations(shape))
        let rotary = RotaryTable(positions: shape.positions, headSize: shape.heads.headSize, theta: Self.theta)
        let source = TestMatrix(
          .fp32, rows: shape.rows * subject.heads, columns: shape.heads.paddedHeadSize, filled: subject.size, seed: 3)
        let results = try everyWay { kernels, team in
          let gradient = TestMatrix(type, rows: shape.rows, columns: columns, repeating: 7)
          // The gradient of the weight is added to what is there.
          let weightGradient = TestMatrix(.fp32, rows: 1, columns: columns, repeating: 0.5)
          let scratch = Buffer(count: RowSums.scratchCount(rows: shape.rows, columns: columns))
          kernels.headLayout.gatherRotateNormalize(
            layout(shape, queries: isQuery, rotations), source.floats, rows: subject.rows.matrix, norm: subject.norm,
            weightGradient: hasNorm ? weightGradient.floats : nil, rotary: rotary, into: gradient.matrix,
            sums: RowSums(scratch: scratch.pointer), on: team)
          return [gradient.values, weightGradient.values]
        }
        var expected: [Double] = []
        var weightGradient = [Double](repeating: 0.5, count: columns)
        for row in 0..<shape.rows {
          let upstream = (0..<subject.heads).flatMap { head in
            RotaryOracle.rotate(
              source.row(
                place(shape, row: row, head: head, headsPerKey: subject.headsPerKey), 0..<subject.size),
              position: Int(rotations[row % (shape.sequences * shape.positions)]), theta: Self.theta, backward: true)
          }
          if hasNorm {
            let back = RMSNormOracle.backward(
              subject.rows.row(row), weight: subject.weight.row(0), epsilon: Self.epsilon, dy: upstream)
            expected += back.x
            for (column, value) in back.weight.enumerated() { weightGradient[column] += value }
          } else {
            expected += upstream
          }
        }
        let name = "\(isQuery ? "queries" : "keys"), norm \(hasNorm)"
        let error = largestError(results[0], expected)
        #expect(error < type.tolerance, "\(name): \(error)")
        let weightError = largestError(results[1], weightGradient)
        #expect(weightError < 1e-5, "weight of \(name): \(weightError)")
      }
    }
  }

  /// A projection's rows and their norm.
  private struct Subject {
    let heads: Int
    let headsPerKey: Int
    let size: Int
    let rows: TestMatrix
    let weight: TestMatrix
    let hasNorm: Bool

    init(_ shape: Case, _ type: ElementType, isQuery: Bool, hasNorm: Bool) {
      heads = isQuery ? shape.heads.queryHeads : shape.heads.keyValueHeads
      headsPerKey = isQuery ? shape.heads.queryHeads / shape.heads.keyValueHeads : 1
      size = shape.heads.headSize
      rows = TestMatrix(type, rows: shape.rows, columns: heads * size, seed: 1)
      weight = TestMatrix(.fp32, rows: 1, columns: heads * size, seed: 2)
      self.hasNorm = hasNorm
    }

    var norm: HeadNorm? { hasNorm ? HeadNorm(weight: weight.floats, epsilon: Float(HeadLayoutTests.epsilon)) : nil }

    func normed(_ row: Int) -> [Double] {
      let x = rows.row(row)
      return hasNorm ? RMSNormOracle.forward(x, weight: weight.row(0), epsilon: HeadLayoutTests.epsilon) : x
    }
  }
}
