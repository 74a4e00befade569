import CProcessor
import Tensors

/// bf16, the upper 16 bits of a float, stored in a UInt16.
///
/// Widening is exact. Rounding is to nearest, ties to even; overflow becomes infinity and NaN stays NaN. Subnormals become
/// zero, as in AVX512-BF16's conversion instruction, so that the bits do not depend on the processor.
enum BF16 {
  /// floats ← source, exactly.
  static func widen(_ floats: UnsafeMutablePointer<Float>, _ source: UnsafePointer<UInt16>, count: Int) {
    overVectors(count) { index in
      floats.store(Vector(bf16: source, at: index), at: index)
    } tail: { index in
      floats[index] = Float(bf16: source[index])
    }
  }

  /// result ← floats, rounded.
  static func round(_ result: UnsafeMutablePointer<UInt16>, _ floats: UnsafePointer<Float>, count: Int) {
    overVectors(count) { index in
      floats.vector(at: index).store(bf16: result, at: index)
    } tail: { index in
      result[index] = floats[index].bf16
    }
  }
}

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
