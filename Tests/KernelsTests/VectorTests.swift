import Foundation
import Kernels
import Testing

@Suite struct VectorTests {
  private static let counts = [0, 1, 15, 16, 17, 64, 100, 257]

  @Test(arguments: counts)
  func `sums equal double precision`(_ count: Int) throws {
    let (a, b) = (random(count, seed: 1), random(count, seed: 2))
    let sums = try everyWay { kernels, _ in
      [kernels.vectors.dot(a.pointer, b.pointer, count: count), kernels.vectors.sum(a.pointer, count: count)]
    }
    #expect(abs(Double(sums[0]) - zip(a.floats, b.floats).reduce(0) { $0 + Double($1.0) * Double($1.1) }) < 1e-5)
    #expect(abs(Double(sums[1]) - a.floats.reduce(0) { $0 + Double($1) }) < 1e-5)
  }

  @Test func `powers of two are accurate and clamped at their ends`() throws {
    let exponents = (-126_000...126_000).map { Float($0) / 1000 }
    let powers = try powers(of: exponents)
    let worst = zip(exponents, powers).reduce(0.0) { worst, pair in
      let expected = exp2(Double(pair.0))
      return max(worst, abs(Double(pair.1) - expected) / expected)
    }
    #expect(worst < 3e-7, "\(worst)")
    let ends = try self.powers(of: [0, -.infinity, -126, .nan])
    #expect(ends[0] == 1 && ends[1] == ends[2] && ends[3].isNaN)
  }

  /// Tails of loops give the bits of whole vectors.
  private func powers(of exponents: [Float]) throws -> [Float] {
    let bits = try everyWay { kernels, _ in
      var (whole, parts) = (exponents, exponents)
      kernels.vectors.exp2(&whole, count: whole.count)
      for index in parts.indices {
        parts.withUnsafeMutableBufferPointer { parts in
          if let first = parts.baseAddress { kernels.vectors.exp2(first + index, count: 1) }
        }
      }
      #expect(whole.map(\.bitPattern) == parts.map(\.bitPattern))
      return whole.map(\.bitPattern)
    }
    return bits.map { Float(bitPattern: $0) }
  }

  /// A sum that two roundings, first of the product or first to a double, would get wrong, in one lane after the other.
  @Test func `sums of products are rounded once`() throws {
    let small = Float(sign: .plus, exponent: -24, significand: 1)
    let cases: [(sum: Float, a: Float, b: Float)] = [
      // The product has more than 24 bits, and the sum cancels most of them.
      (-1, 1 + Float.ulpOfOne, 1 + Float.ulpOfOne),
      // In double precision the sum lies exactly between two floats, but a little is missing or too much.
      (1, small, 1 + Float.ulpOfOne), (1, small * (1 + Float.ulpOfOne), 1 - Float.ulpOfOne / 2),
      (1 + Float.ulpOfOne, small, 1 - Float.ulpOfOne / 2), (Float(1 << 30), 64, 1 + Float.ulpOfOne * 3),
      (0x1p60, 0x1p36, 1 + 0x1p-23), (-0x1p60, -0x1p36, 1 + 0x1p-23), (0x1p60, 0x1p35, 1 - 0x1p-24),
      // Results so small that they are subnormal, zero, infinite and not a number.
      (0x1p-149, 0x1p-75, 0x1p-75), (0x1.8p-140, -0x1.234568p-72, 0x1.fffffep-73), (0x1p-126, -0x1p-76, 0x1p-75),
      (0, 0x1p-100, 0x1p-100), (.greatestFiniteMagnitude, 0x1p52, 0x1p52), (0, .infinity, 0), (1, .nan, 1),
    ]
    for (sum, a, b) in cases {
      for lane in 0..<20 {
        // β₁·m + (1 − β₁)·g, with one rounding for the second product and the sum.
        let found = try everyWay { kernels, _ in
          var memory = (0..<4).map { _ in [Float](repeating: 0.5, count: 20) }
          (memory[1][lane], memory[2][lane]) = (a, sum)
          let coefficients = AdamWCoefficients(
            beta1: 1, beta2: 0, fresh1: b, fresh2: 0, epsilon: 1, scale: 1, kept: 1, rate: 0, root: 1)
          var (p, g, m, v) = (memory[0], memory[1], memory[2], memory[3])
          kernels.adamW.update(&p, &g, &m, &v, count: 20, coefficients, leavesChange: false)
          return m[lane].isNaN ? nil : m[lane].bitPattern
        }
        let expected = sum.addingProduct(a, b)
        #expect(found == (expected.isNaN ? nil : expected.bitPattern), "\(sum) + \(a) · \(b) in lane \(lane)")
      }
    }
  }
}
