import Testing

@testable import Kernels

/// ``RotaryTable`` against double precision.
@Suite struct RotaryTableTests {
  static let sizes = [2, 6, 20, 32, 34, 66]
  private static let theta = 500.0
  private static let positions = [0, 1, 2, 17, 99]

  private func table(_ size: Int) -> RotaryTable { RotaryTable(positions: 100, headSize: size, theta: Self.theta) }

  @Test(arguments: sizes, ElementType.allCases)
  func `heads are rotated`(_ size: Int, _ type: ElementType) {
    let x = TestMatrix(type, rows: 1, columns: size, seed: 1)
    let weight = TestMatrix(.fp32, rows: 1, columns: size, seed: 2)
    let table = table(size)
    for position in Self.positions {
      for hasWeight in [false, true] {
        let target = TestMatrix(type, rows: 1, columns: size, repeating: 7)
        let pointer = hasWeight ? UnsafePointer(weight.floats) : nil
        switch type {
        case .fp32:
          table.rotate(
            FloatRow(target.matrix, 0), FloatRow(x.matrix, 0), weight: pointer, factor: 0.3, position: position)
        case .bf16:
          table.rotate(
            BF16Row(target.matrix, 0), BF16Row(x.matrix, 0), weight: pointer, factor: 0.3, position: position)
        }
        let scaled = (0..<size).map { 0.3 * x[0, $0] * (hasWeight ? weight[0, $0] : 1) }
        let expected = RotaryOracle.rotate(scaled, position: position, theta: Self.theta)
        let error = largestError(target.values, expected)
        #expect(error < type.tolerance, "position \(position), weight \(hasWeight): \(error)")
      }
    }
  }

  @Test(arguments: sizes, ElementType.allCases)
  func `gradients are rotated back`(_ size: Int, _ type: ElementType) {
    let x = TestMatrix(.fp32, rows: 1, columns: size, seed: 1)
    let table = table(size)
    for position in Self.positions {
      let target = TestMatrix(type, rows: 1, columns: size, repeating: 7)
      switch type {
      case .fp32: table.rotateBack(FloatRow(target.matrix, 0), x.floats, position: position)
      case .bf16: table.rotateBack(BF16Row(target.matrix, 0), x.floats, position: position)
      }
      let expected = RotaryOracle.rotate(x.values, position: position, theta: Self.theta, backward: true)
      let error = largestError(target.values, expected)
      #expect(error < type.tolerance, "position \(position): \(error)")
    }
  }
}
