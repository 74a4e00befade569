extension UnsafeBufferPointer<Float> {
  /// Whether all elements are finite.
  public var areFinite: Bool {
    // Adding one to the exponent carries into the sign bit if and only if all its bits are ones.
    var carries: UInt32 = 0
    for value in self { carries |= (value.bitPattern & 0x7f80_0000) &+ 0x0080_0000 }
    return carries & 0x8000_0000 == 0
  }
}
