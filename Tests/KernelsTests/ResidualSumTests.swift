import Testing

@testable import Kernels

@Suite struct ResidualSumTests {
  @Test(arguments: [(1, 1), (3, 17), (130, 50)], ElementType.allCases)
  func `sums equal double precision`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let addend = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 2)
    func x() -> TestMatrix { TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, seed: 1) }
    let results = try everyWay { kernels, team in
      let x = x()
      let y = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, repeating: 7)
      kernels.residualSum.forward(y.matrix, x.matrix, addend.matrix, on: team)
      // In place.
      kernels.residualSum.forward(x.matrix, x.matrix, addend.matrix, on: team)
      return [y.values, x.values]
    }
    #expect(largestError(results[0], zip(x().values, addend.values).map { $0 + $1 }) < 1e-6)
    #expect(results[0] == results[1])
  }
}
