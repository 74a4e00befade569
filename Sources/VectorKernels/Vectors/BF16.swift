import CProcessor
import Tensors

// bf16, the upper 16 bits of a float, stored in a UInt16.
extension SIMD16<Float> {
  /// The values of the sixteen bf16 from `index` on, which need not be aligned.
  @inline(__always)
  init(bf16 pointer: UnsafePointer<UInt16>, at index: Int) {
    let bits = UnsafeRawPointer(pointer + index).loadUnaligned(as: SIMD16<UInt16>.self)
    self = unsafeBitCast(phd_widen(bits) &<< 16, to: Vector.self)
  }

  /// Stores the nearest bf16, ties to even, from `index` on.
  @inline(__always)
  func store(bf16 pointer: UnsafeMutablePointer<UInt16>, at index: Int) {
    UnsafeMutableRawPointer(pointer + index).storeBytes(of: phd_round_bf16(self), as: SIMD16<UInt16>.self)
  }
}
