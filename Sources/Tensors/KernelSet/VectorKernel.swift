/// Operations on vectors of floats.
public protocol VectorKernel {
  /// Σ a·b over `count` floats, added in a fixed order.
  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float
  /// Σ x over `count` floats, as fast as they can be read.
  static func sum(_ x: UnsafePointer<Float>, count: Int) -> Float
  /// floats ← source, exactly.
  static func widen(_ floats: UnsafeMutablePointer<Float>, _ source: UnsafePointer<UInt16>, count: Int)
  /// result ← floats, rounded to the nearest bf16, ties to even. Overflow becomes infinity and NaN stays NaN. Subnormals
  /// become zero, as in AVX512-BF16's conversion instruction.
  static func round(_ result: UnsafeMutablePointer<UInt16>, _ floats: UnsafePointer<Float>, count: Int)
  /// Each of x's `count` floats ← 2 to its power, with a relative error under 3e-7 in [−126, 126]. Powers beyond this range
  /// are clamped to it.
  static func exp2(_ x: UnsafeMutablePointer<Float>, count: Int)

  /// The number of operations of one turn of ``multiplyAdds(_:turns:)``.
  static func operationsOfTurn(_ type: ElementType) -> Int
  /// Runs independent chains of multiply-adds in registers, enough to hide the latency of one. Without bf16 arithmetic,
  /// those of bf16 are of fp32, because products widen their operands.
  ///
  /// - Returns: a finite number that depends on all of them.
  static func multiplyAdds(_ type: ElementType, turns: Int) -> Float
}
