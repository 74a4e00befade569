/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
public enum SplitMix64 {
  /// The increment of a generator's state.
  @inlinable public static var increment: UInt64 { 0x9E37_79B9_7F4A_7C15 }

  /// The next number of a generator whose state is `value`. Also a hash of `value`.
  @inlinable public static func mixed(_ value: UInt64) -> UInt64 {
    var value = value &+ increment
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
