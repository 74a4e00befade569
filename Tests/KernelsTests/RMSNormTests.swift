import Testing

@testable import Kernels

/// ``RMSNormKernel`` against double precision.
@Suite struct RMSNormTests {
  static let shapes = [(1, 3), (3, 5), (2, 16), (5, 33), (130, 50)]
  private static let epsilon = 1e-3

  @Test(arguments: shapes, ElementType.allCases)
  func `outputs equal double precision`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let x = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 1)
    let weight = TestMatrix(.fp32, rows: 1, columns: shape.columns, seed: 2)
    let residual = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, seed: 3)
    let normed = (0..<shape.rows).flatMap {
      RMSNormOracle.forward(x.row($0), weight: weight.row(0), epsilon: Self.epsilon)
    }
    for hasResidual in [false, true] {
      let results = try everyWay { kernels, team in
        let y = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, repeating: 7)
        kernels.rmsNorm.forward(
          y.matrix, x.matrix, weight: weight.floats, epsilon: Float(Self.epsilon),
          residual: hasResidual ? residual.matrix : nil, on: team)
        return y.values
      }
      let expected = hasResidual ? zip(normed, residual.values).map { $0 + $1 } : normed
      // x is read exactly and all arithmetic is fp32, whatever its type.
      #expect(largestError(results, expected) < 1e-5)
    }
  }

  @Test(arguments: shapes, ElementType.allCases)
  func `gradients overwrite the input`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let (dx, dw) = expectedGradients(shape, type)
    let results = try everyWay { kernels, team in
      let x = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 1)
      let operands = Operands(shape)
      kernels.rmsNorm.backward(
        inPlace: x.matrix, dy: operands.dy.matrix, weight: operands.weight.floats,
        weightGradient: operands.weightGradient.floats, epsilon: Float(Self.epsilon), sums: operands.sums,
        on: team)
      return [x.values, operands.weightGradient.values]
    }
    #expect(largestError(results[0], dx) < type.tolerance)
    #expect(largestError(results[1], dw) < 1e-5)
  }

  @Test(arguments: shapes)
  func `gradients are added`(_ shape: (rows: Int, columns: Int)) throws {
    let (dx, dw) = expectedGradients(shape, .fp32)
    let results = try everyWay { kernels, team in
      let x = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, seed: 1)
      let sum = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, repeating: 0.25)
      let operands = Operands(shape)
      kernels.rmsNorm.backward(
        addingTo: sum.matrix, x.matrix, dy: operands.dy.matrix, weight: operands.weight.floats,
        weightGradient: operands.weightGradient.floats, epsilon: Float(Self.epsilon), sums: operands.sums,
        on: team)
      return [sum.values, operands.weightGradient.values]
    }
    #expect(largestError(results[0], dx.map { $0 + 0.25 }) < 1e-5)
    #expect(largestError(results[1], dw) < 1e-5)
  }

  private struct Operands {
    let weight, dy: TestMatrix
    /// The gradient is added to what is there.
    let weightGradient: TestMatrix
    private let scratch: Buffer

    init(_ shape: (rows: Int, columns: Int)) {
      weight = TestMatrix(.fp32, rows: 1, columns: shape.columns, seed: 2)
      dy = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, seed: 4)
      weightGradient = TestMatrix(.fp32, rows: 1, columns: shape.columns, repeating: 0.5)
      scratch = Buffer(count: RowSums.scratchCount(rows: shape.rows, columns: shape.columns))
    }

    var sums: RowSums { RowSums(scratch: scratch.pointer) }
  }

  private func expectedGradients(
    _ shape: (rows: Int, columns: Int), _ type: ElementType
  ) -> (x: [Double], weight: [Double]) {
    let x = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 1)
    let operands = Operands(shape)
    var dx: [Double] = []
    var dw = operands.weightGradient.values
    for row in 0..<shape.rows {
      let back = RMSNormOracle.backward(
        x.row(row), weight: operands.weight.row(0), epsilon: Self.epsilon, dy: operands.dy.row(row))
      dx += back.x
      for (column, value) in back.weight.enumerated() { dw[column] += value }
    }
    return (dx, dw)
  }
}
