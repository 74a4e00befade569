import TestSupport
import Testing

@testable import JSON

@Suite struct DoubleDecimalTests {
  @Test func `a decimal number equals the double that Double(String) returns`() throws {
    var random = SplitMix(state: 11)
    for _ in 0..<200_000 {
      let significand = UInt64.random(in: 0 ... .max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
      let exponent = Int.random(in: -27...27, using: &random)
      let value = try #require(Double(significand: significand, exponent: exponent))
      let text = "\(significand)e\(exponent)"
      if value != Double(text) { Issue.record("\(text) is \(value), not \(Double(text) ?? .nan)") }
    }
    // Halfway between two doubles and next to it: 2^53 + 1, in three decimal forms.
    for offset in -1...1 {
      for (base, exponent) in [(9_007_199_254_740_993, 0), (90_071_992_547_409_930, -1), (9_007_199_254_740_993_0, 5)] {
        let significand = UInt64(base + offset)
        #expect(Double(significand: significand, exponent: exponent) == Double("\(significand)e\(exponent)"))
      }
    }
    #expect(Double(significand: 1, exponent: 28) == nil && Double(significand: 1, exponent: -28) == nil)
  }

  @Test func `the shortest form of a double reads back exactly`() throws {
    var random = SplitMix(state: 12)
    for _ in 0..<100_000 {
      let value = Double.random(in: 0...10, using: &random)
      let digits = "\(value)".split(separator: ".")
      guard digits.count == 2, !digits[1].contains("e"), let significand = UInt64(digits.joined()) else { continue }
      #expect(Double(significand: significand, exponent: -digits[1].count) == value)
    }
  }
}
