import Tensors

/// The implementation of ``VectorKernel``.
enum Vectors: VectorKernel {
  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sums = Vector.zero
    let whole = count & -vectorWidth
    for start in stride(from: 0, to: whole, by: vectorWidth) {
      sums = sums.adding(a.vector(at: start), times: b.vector(at: start))
    }
    var sum = sums.laneSum
    for index in whole..<count { sum += a[index] * b[index] }
    return sum
  }

  static func sum(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var vectors = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
    var sum: Float = 0
    let whole = count & -(4 &* vectorWidth)
    for start in stride(from: 0, to: whole, by: 4 &* vectorWidth) {
      vectors.0 += x.vector(at: start)
      vectors.1 += x.vector(at: start &+ vectorWidth)
      vectors.2 += x.vector(at: start &+ 2 &* vectorWidth)
      vectors.3 += x.vector(at: start &+ 3 &* vectorWidth)
    }
    for index in whole..<count { sum += x[index] }
    return (vectors.0 + vectors.1 + vectors.2 + vectors.3).laneSum + sum
  }

  static func widen(_ floats: UnsafeMutablePointer<Float>, _ source: UnsafePointer<UInt16>, count: Int) {
    overVectors(count) { index in
      floats.store(Vector(bf16: source, at: index), at: index)
    } tail: { index in
      floats[index] = Float(bf16: source[index])
    }
  }

  static func round(_ result: UnsafeMutablePointer<UInt16>, _ floats: UnsafePointer<Float>, count: Int) {
    overVectors(count) { index in
      floats.vector(at: index).store(bf16: result, at: index)
    } tail: { index in
      result[index] = floats[index].bf16
    }
  }

  static func exp2(_ x: UnsafeMutablePointer<Float>, count: Int) {
    overVectors(count) { index in
      x.store(powerOfTwo(x.vector(at: index)), at: index)
    } tail: { index in
      x[index] = powerOfTwo(x[index])
    }
  }

  private static func multipliesPairs(_ type: ElementType) -> Bool {
    type == .bf16 && MicroKernel.current.multipliesBF16
  }

  static func operationsOfTurn(_ type: ElementType) -> Int {
    MicroKernel.current.chains * vectorWidth * (multipliesPairs(type) ? 4 : 2)
  }

  static func multiplyAdds(_ type: ElementType, turns: Int) -> Float {
    multipliesPairs(type) ? chains(BF16Pair(bits: 0x3f00_3e80), turns) : chains(Float(0.5), turns)
  }

  /// The sum of independent chains of multiply-adds. They start with different values, because the compiler would merge
  /// equal ones.
  private static func chains<Lane: PackedLane>(_ factor: Lane, _ turns: Int) -> Float {
    MicroKernel.current.chains == 12
      ? chains(InlineArray<12, Vector>.self, factor, turns) : chains(InlineArray<6, Vector>.self, factor, turns)
  }

  @inline(never)
  private static func chains<Lane: PackedLane, let count: Int>(
    _: InlineArray<count, Vector>.Type, _ factor: Lane, _ turns: Int
  ) -> Float {
    var sums = InlineArray<count, Vector>(repeating: .zero)
    for index in 0..<count { sums[index] = Vector(repeating: Float(index)) }
    let lanes = Vector(repeating: 0.25)
    for _ in 0..<turns {
      for index in 0..<count { sums[unchecked: index] = factor.product(lanes, addedTo: sums[unchecked: index]) }
    }
    var sum = Vector.zero
    for index in 0..<count { sum += sums[index] }
    return sum.laneSum
  }
}
