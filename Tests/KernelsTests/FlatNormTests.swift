import Testing

@testable import Kernels

@Suite struct FlatNormTests {
  @Test func `norm is accurate and independent of threads`() throws {
    let count = 200_001
    let buffer = Buffer(count: count)
    for index in 0..<count { buffer.pointer[index] = Float(index % 1000) / 1000 }
    let expected = buffer.floats.reduce(0.0) { $0 + Double($1) * Double($1) }
    let norm = FlatNorm(parts: [0..<70_001, 70_001..<count], granule: 1024)
    let one = norm.sumOfSquares(buffer.floats, on: ThreadTeam())
    #expect(abs(one - expected) < 1e-6 * expected)
    #expect(norm.sumOfSquares(buffer.floats, on: try ThreadTeam(count: 3)) == one)
    buffer.pointer[count - 1] = .nan
    #expect(norm.sumOfSquares(buffer.floats, on: ThreadTeam()).isNaN)
  }
}
