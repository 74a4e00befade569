import Testing

@testable import Host
@testable import Training

@Suite struct BindingTests {
  @Test func `a default binding that leaves processors unused causes a warning`() {
    // mpirun -n 2 on 8 processors, each rank bound to a core of two.
    let bound = [("a", Set([0, 1]), Set(0..<8)), ("a", Set([2, 3]), Set(0..<8))]
    let warning = Binding.warning(threads: nil, bound)
    #expect(warning?.contains("2 ranks on a can use only 4 of 8 processors") == true, "\(warning ?? "")")
    #expect(warning?.contains("--bind-to none") == true)
    // More threads than the ranks may use processors; as many threads.
    #expect(Binding.warning(threads: 4, bound) != nil)
    #expect(Binding.warning(threads: 2, bound) == nil)
    let one = Binding.warning(threads: nil, [("a", Set([0]), Set(0..<2))])
    #expect(one?.contains("1 rank on a can use only 1 of 2") == true)
    let onSecond = Binding.warning(threads: nil, [("a", Set(0..<4), Set(0..<4)), ("b", [0], Set(0..<4))])
    #expect(onSecond?.contains("1 rank on b can use only 1 of 4") == true)
  }

  @Test func `ranks that use all processors or were bound on purpose cause no warning`() {
    #expect(Binding.warning(threads: nil, [("a", Set([0]), Set(0..<2)), ("a", Set([1]), Set(0..<2))]) == nil)
    #expect(Binding.warning(threads: nil, [("a", Set(0..<2), Set(0..<2)), ("a", Set(0..<2), Set(0..<2))]) == nil)
    #expect(Binding.warning(threads: nil, [("a", Set([0]), [])]) == nil)
    #expect(Threads.processors("0-3,8,10-11") == [0, 1, 2, 3, 8, 10, 11])
    #expect(Threads.processors("") == [])
  }
}
