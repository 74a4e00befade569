import Kernels
import Testing

@Suite struct BF16Tests {
  @Test func `conversions of BF16 values are exact except subnormals`() throws {
    let patterns = (0...UInt16.max).map { $0 }
    let floats = try widened(patterns)
    let back = try rounded(floats)
    let wrong = patterns.indices.filter { index in
      let pattern = patterns[index]
      let float = Float(bitPattern: UInt32(pattern) << 16)
      if floats[index].bitPattern != float.bitPattern || Float(bf16: pattern).bitPattern != float.bitPattern {
        return true
      }
      // NaNs become quiet.
      let expected = float.isNaN ? pattern | 0x40 : float.isSubnormal ? pattern & 0x8000 : pattern
      return back[index] != expected || float.bf16 != expected
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
  }

  @Test func `rounding is to nearest ties to even`() throws {
    // Discarded bits around the tie and at both ends, for every upper half.
    let cut: [UInt32] = [1, 0x7fff, 0x8000, 0x8001, 0xffff]
    let floats = (0...UInt32(UInt16.max)).flatMap { upper in cut.map { Float(bitPattern: upper << 16 | $0) } }
    let rounded = try rounded(floats)
    let wrong = floats.indices.filter { index in
      let float = floats[index]
      if float.bf16 != rounded[index] { return true }
      let result = Float(bf16: rounded[index])
      if float.isNaN { return !result.isNaN || result.sign != float.sign }
      if float.isSubnormal { return !result.isZero || result.sign != float.sign }
      let below = UInt16(float.bitPattern >> 16)
      let lower = Double(Float(bf16: below).magnitude)
      // Beyond the greatest finite value, infinity takes the place of the next value.
      let step = max(Double(Float(bf16: below & 0xff80).ulp), Double(Float.leastNonzeroMagnitude)) * 65536
      let middle = lower + step / 2
      let value = Double(float.magnitude)
      let goesUp = value > middle || (value == middle && below & 1 == 1)
      return rounded[index] != (goesUp ? below + 1 : below)
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5).map { String(floats[$0].bitPattern, radix: 16) })")
  }

  @Test(arguments: [0, 1, 15, 16, 17, 33, 40])
  func `tails of loops round as vectors do`(_ count: Int) throws {
    let floats = (0..<count).map { Float($0 * $0) * 1.000_123 - 70 }
    let rounded = try rounded(floats)
    #expect(rounded == floats.map(\.bf16))
    #expect(try widened(rounded) == rounded.map { Float(bf16: $0) })
  }

  /// The floats' nearest bf16. Nothing is written beyond the last.
  private func rounded(_ floats: [Float]) throws -> [UInt16] {
    try everyWay { kernels, _ in
      var rounded = [UInt16](repeating: 7, count: floats.count + 1)
      kernels.vectors.round(&rounded, floats, count: floats.count)
      #expect(rounded.last == 7)
      return rounded.dropLast()
    }
  }

  /// The values of bf16. Nothing is written beyond the last.
  private func widened(_ source: [UInt16]) throws -> [Float] {
    let bits = try everyWay { kernels, _ in
      var floats = [Float](repeating: 7, count: source.count + 1)
      kernels.vectors.widen(&floats, source, count: source.count)
      #expect(floats.last == 7)
      return floats.dropLast().map(\.bitPattern)
    }
    return bits.map { Float(bitPattern: $0) }
  }
}
