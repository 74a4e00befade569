import Foundation
import Testing

@testable import Kernels

/// ``SwiGLUKernel`` against double precision.
@Suite struct SwiGLUTests {
  static let shapes = [(1, 1), (3, 5), (2, 16), (5, 33), (130, 50)]

  /// Gates in [−8, 8), where the sigmoid is curved and where it is flat.
  private func gateUp(_ shape: (rows: Int, columns: Int), _ type: ElementType) -> TestMatrix {
    let matrix = TestMatrix(type, rows: shape.rows, columns: 2 * shape.columns, seed: 1)
    for row in 0..<shape.rows {
      for column in 0..<shape.columns { matrix[row, column] *= 8 }
    }
    return matrix
  }

  @Test(arguments: shapes, ElementType.allCases)
  func `activations equal double precision`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let gateUp = gateUp(shape, type)
    let results = try everyWay { kernels, team in
      let activation = TestMatrix(type, rows: shape.rows, columns: shape.columns, repeating: 7)
      kernels.swiGLU.forward(activation.matrix, gateUp.matrix, on: team)
      return activation.values
    }
    #expect(largestError(results, activations(shape, gateUp)) < type.tolerance)
  }

  @Test(arguments: shapes, ElementType.allCases)
  func `gradients equal double precision`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let operands = gateUp(shape, type)
    let upstream = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 2)
    let results = try everyWay { kernels, team in
      let gateUp = gateUp(shape, type)
      let gradient = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 2)
      kernels.swiGLU.backward(gateUp: gateUp.matrix, gradient: gradient.matrix, on: team)
      return [gateUp.values, gradient.values]
    }
    let expected = (0..<shape.rows).flatMap { row in
      let gates = (0..<shape.columns).map { column in
        let (gate, up) = (operands[row, column], operands[row, shape.columns + column])
        let s = sigmoid(gate)
        return upstream[row, column] * up * (s + gate * s * (1 - s))
      }
      let ups = (0..<shape.columns).map { column in
        upstream[row, column] * operands[row, column] * sigmoid(operands[row, column])
      }
      return gates + ups
    }
    #expect(largestError(results[0], expected) < type.tolerance)
    #expect(largestError(results[1], activations(shape, operands)) < type.tolerance)
  }

  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  private func activations(_ shape: (rows: Int, columns: Int), _ gateUp: TestMatrix) -> [Double] {
    (0..<shape.rows).flatMap { row in
      (0..<shape.columns).map { column in
        gateUp[row, column] * sigmoid(gateUp[row, column]) * gateUp[row, shape.columns + column]
      }
    }
  }
}
