import Testing

@testable import Kernels

@Suite struct RateTests {
  /// A clock on which a product takes a millisecond. If another process shares the processor, every fourth takes five.
  private final class Clock {
    private var now = 0.0
    private var calls = 0
    private let isShared: Bool

    init(isShared: Bool) { self.isShared = isShared }

    func seconds() -> Double {
      calls += 1
      now += isShared && calls % 4 == 0 ? 0.005 : 0.001
      return now
    }
  }

  @Test func `time of other processes counts`() {
    let product = MatrixProduct(of: .fp32, on: ThreadTeam())
    let map = MatrixProduct.LinearMap(tokens: 8, inputs: 8, outputs: 8)
    let (alone, shared) = (Clock(isShared: false), Clock(isShared: true))
    for measure in [product.measureLibraryRate, product.measureRate] {
      let rate = measure([map]) { alone.seconds() }
      #expect(abs(rate - 2 * 8 * 8 * 8 / 0.001) < 1)
      let part = measure([map]) { shared.seconds() } / rate
      #expect((0.4...0.6).contains(part), "\(part)")
    }
  }

  @Test(arguments: ElementType.allCases)
  func `the rate of multiply-adds follows the clock and the number of threads`(_ type: ElementType) throws {
    func rate(threads: Int, isShared: Bool) throws -> Double {
      let clock = Clock(isShared: isShared)
      return Processor.measureArithmetic(type, on: try ThreadTeam(count: threads)) { clock.seconds() }
    }
    let alone = try rate(threads: 1, isShared: false)
    #expect(alone > 0)
    #expect(try rate(threads: 2, isShared: false) == 2 * alone)
    #expect((0.4...0.6).contains(try rate(threads: 1, isShared: true) / alone))
  }
}
