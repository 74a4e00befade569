import Kernels
import Testing

@Suite struct ArithmeticTests {
  private static let fp32 = ["AVX2, products by this program", "AVX-512, products by this program"]
  private static let widened = [
    "AVX2, products by this program, operands widened", "AVX-512, products by this program, operands widened",
  ]
  private static let others = [
    "AVX-512 and AVX512-BF16, products by this program", "AVX-512, products by oneDNN 2.6.3 with AMX",
    "AVX2, products by OpenBLAS Haswell",
  ]

  @Test func `arithmetics that give the same bits are known by their texts`() {
    let kinds = [Self.fp32, Self.widened] + Self.others.map { [$0] }
    for (index, kind) in kinds.enumerated() {
      for (otherIndex, other) in kinds.enumerated() {
        for (one, two) in kind.flatMap({ one in other.map { (one, $0) } }) {
          #expect(Processor.givesSameBits(one, two) == (index == otherIndex), "\(one) and \(two)")
        }
      }
    }
    #expect(Processor.givesSameBits(Processor.arithmetic(.fp32), Self.fp32[0]))
  }
}
