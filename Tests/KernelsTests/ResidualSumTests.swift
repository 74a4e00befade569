import Testing

@testable import Kernels

@Suite struct ResidualSumTests {
  @Test(arguments: [(1, 1), (3, 17), (130, 50)], ElementType.allCases)
  func `sums equal double precision`(_ shape: (rows: Int, columns: Int), _ type: ElementType) throws {
    let addend = TestMatrix(type, rows: shape.rows, columns: shape.columns, seed: 2)
    for threads in [1, 3] {
      let x = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, seed: 1)
      let expected = zip(x.values, addend.values).map { $0 + $1 }
      let y = TestMatrix(.fp32, rows: shape.rows, columns: shape.columns, repeating: 7)
      let team = try ThreadTeam(count: threads)
      ResidualSum.forward(y.matrix, x.matrix, addend.matrix, on: team)
      #expect(largestError(y.values, expected) < 1e-6)
      // In place.
      ResidualSum.forward(x.matrix, x.matrix, addend.matrix, on: team)
      #expect(x.values == y.values)
    }
  }
}
