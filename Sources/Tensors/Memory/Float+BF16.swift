// bf16, the upper 16 bits of a float, stored in a UInt16.
extension Float {
  /// The value of a bf16.
  @inlinable @inline(__always)
  package init(bf16: UInt16) { self.init(bitPattern: UInt32(bf16) &<< 16) }

  /// The nearest bf16, ties to even.
  @inlinable @inline(__always)
  package var bf16: UInt16 {
    if isSubnormal { return sign == .minus ? 0x8000 : 0 }
    let bits = bitPattern
    let rounded = bits &+ 0x7fff &+ (bits &>> 16 & 1)
    return UInt16(truncatingIfNeeded: (isNaN ? bits | 0x40_0000 : rounded) &>> 16)
  }
}
