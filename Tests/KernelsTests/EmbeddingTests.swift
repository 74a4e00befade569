import Testing

@testable import Kernels

@Suite struct EmbeddingTests {
  private static let tokens: [Int32] = [3, 0, 3, 6, 1]
  private static let vocabulary = 7
  private static let copies = 2

  @Test(arguments: [1, 17, 130], ElementType.allCases)
  func `every copy receives the tokens row`(_ columns: Int, _ type: ElementType) throws {
    let table = TestMatrix(type, rows: Self.vocabulary, columns: columns, seed: 1)
    let expected = (0..<Self.copies).flatMap { _ in Self.tokens.flatMap { table.row(Int($0)) } }
    let found = try everyWay { kernels, team in
      let x = TestMatrix(.fp32, rows: Self.copies * Self.tokens.count, columns: columns, repeating: 7)
      Self.tokens.withUnsafeBufferPointer {
        kernels.embedding.forward(x.matrix, table: table.matrix, tokens: $0, copies: Self.copies, on: team)
      }
      return x.values
    }
    #expect(found == expected)
  }

  @Test(arguments: [1, 17, 130])
  func `gradients of all copies are added to the tokens row`(_ columns: Int) throws {
    let dx = TestMatrix(.fp32, rows: Self.copies * Self.tokens.count, columns: columns, seed: 1)
    var expected = [Double](repeating: 0.5, count: Self.vocabulary * columns)
    for row in 0..<Self.copies * Self.tokens.count {
      for column in 0..<columns {
        expected[Int(Self.tokens[row % Self.tokens.count]) * columns + column] += dx[row, column]
      }
    }
    let results = try everyWay { kernels, team in
      let gradient = TestMatrix(.fp32, rows: Self.vocabulary, columns: columns, repeating: 0.5)
      Self.tokens.withUnsafeBufferPointer {
        kernels.embedding.backward(dx.matrix, tableGradient: gradient.matrix, tokens: $0, copies: Self.copies, on: team)
      }
      return gradient.values
    }
    #expect(largestError(results, expected) < 1e-5)
  }
}
