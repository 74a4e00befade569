import Testing

@testable import Kernels

@Suite struct VectorTests {
  @Test func `lanes are summed and compared`() {
    let vector = Vector(1, -2, 3, 4, 5, -6, 7, 8, 9, 100, 11, 12, -13, 14, 15, 16)
    #expect(vector.laneSum == 184)
    #expect(vector.laneMaximum == 100)
    #expect((-vector).laneMaximum == 13)
  }
}
