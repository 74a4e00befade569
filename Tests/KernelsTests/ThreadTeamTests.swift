import Testing

@testable import Kernels

@Suite struct ThreadTeamTests {
  @Test(arguments: [1, 2, 3, 5])
  func `every piece is executed once`(_ threads: Int) throws {
    let team = try ThreadTeam(count: threads)
    for pieces in [0, 1, 2, 7, 100, 1000] {
      let done = Buffer(count: max(pieces, 1))
      let workers = Buffer(count: max(pieces, 1))
      team.forEach(pieces) { index, worker in
        done.pointer[index] += 1
        workers.pointer[index] = Float(worker)
      }
      #expect((0..<pieces).allSatisfy { done.pointer[$0] == 1 })
      #expect((0..<pieces).allSatisfy { (0..<threads).contains(Int(workers.pointer[$0])) })
    }
  }

  @Test func `many consecutive calls lose no piece`() throws {
    let team = try ThreadTeam(count: 3)
    let sums = Buffer(count: 64)
    for _ in 0..<2000 { team.forEach(64) { index, _ in sums.pointer[index] += 1 } }
    #expect(sums.floats.allSatisfy { $0 == 2000 })
  }
}
