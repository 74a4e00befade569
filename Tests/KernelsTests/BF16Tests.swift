import Testing

@testable import Kernels

@Suite struct BF16Tests {
  @Test func `conversions of BF16 values are exact except subnormals`() {
    let patterns = (0...UInt16.max).map { $0 }
    var floats = [Float](repeating: 0, count: patterns.count)
    BF16.widen(&floats, patterns, count: patterns.count)
    var back = [UInt16](repeating: 0, count: patterns.count)
    BF16.round(&back, floats, count: floats.count)
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

  @Test func `rounding is to nearest ties to even`() {
    // Discarded bits around the tie and at both ends, for every upper half.
    let cut: [UInt32] = [1, 0x7fff, 0x8000, 0x8001, 0xffff]
    let floats = (0...UInt32(UInt16.max)).flatMap { upper in cut.map { Float(bitPattern: upper << 16 | $0) } }
    var rounded = [UInt16](repeating: 0, count: floats.count)
    BF16.round(&rounded, floats, count: floats.count)
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
  func `tails of loops round as vectors do`(_ count: Int) {
    let floats = (0..<count).map { Float($0 * $0) * 1.000_123 - 70 }
    var rounded = [UInt16](repeating: 7, count: count + 1)
    BF16.round(&rounded, floats, count: count)
    #expect(rounded == floats.map(\.bf16) + [7])
    var widened = [Float](repeating: 7, count: count + 1)
    BF16.widen(&widened, rounded, count: count)
    #expect(widened == rounded.dropLast().map { Float(bf16: $0) } + [7])
  }
}
