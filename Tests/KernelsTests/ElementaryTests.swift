import Foundation
import Testing

@testable import Kernels

@Suite struct ElementaryTests {
  @Test func `powers of two are accurate and clamped at their ends`() {
    var worst = 0.0
    for index in -126_000...126_000 {
      let x = Float(index) / 1000
      let expected = Foundation.exp2(Double(x))
      worst = max(worst, abs(Double(Kernels.exp2(x)) - expected) / expected)
    }
    #expect(worst < 3e-7, "\(worst)")
    #expect(Kernels.exp2(Float(0)) == 1)
    #expect(Kernels.exp2(-Float.infinity) == Kernels.exp2(Float(-126)))
    #expect(Kernels.exp2(Float.nan).isNaN)
  }

}
