extension UnsafeBufferPointer<Float> {
  /// Whether no element is an infinity or not a number.
  public var areFinite: Bool {
    // Adding one to an exponent of ones, and to no other, carries into the sign's place.
    var carries: UInt32 = 0
    for value in self { carries |= (value.bitPattern & 0x7f80_0000) &+ 0x0080_0000 }
    return carries & 0x8000_0000 == 0
  }
}
