import CProcessor

/// Four bytes that ``BlockProduct`` multiplies at one step: the elements beside each other along the inner dimension.
protocol PackedLane {
  /// A row of such elements.
  associatedtype Row: MatrixRow

  static var type: ElementType { get }
  static var zero: Self { get }

  /// sums + this · lanes: each lane of `lanes` is four such bytes, see ``lanes(_:at:)``.
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector

  /// rows [count, columns], `stride` lanes apart, for an inner dimension that runs down the rows: lanes [count in whole
  /// lanes, columns], the last filled up with zeros. Rows of fp32 are such lanes already, and stay where they are.
  ///
  /// - Parameter target: room for rows of lanes, `targetStride` apart.
  /// - Returns: where the lanes are, and how far their rows lie apart.
  static func interleave(
    _ rows: UnsafePointer<Self>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Self>,
    targetStride: Int
  ) -> (lanes: UnsafePointer<Self>, stride: Int)
}

extension PackedLane {
  /// Elements of a lane.
  static var elements: Int { MemoryLayout<Float>.size / type.bytes }

  /// How many lanes hold `count` elements.
  static func lanes(for count: Int) -> Int { (count &+ elements &- 1) / elements }

  /// The sixteen lanes from `index` on; no alignment is asked for.
  @inline(__always)
  static func vector(_ pointer: UnsafePointer<Self>, at index: Int) -> Vector {
    UnsafeRawPointer(pointer + index).loadUnaligned(as: Vector.self)
  }
}

extension Float: PackedLane {
  typealias Row = FloatRow

  static var type: ElementType { .fp32 }

  @inline(__always)
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector { sums.addingProduct(Vector(repeating: self), lanes) }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>,
    targetStride: Int
  ) -> (lanes: UnsafePointer<Float>, stride: Int) { (rows, stride) }
}

/// Two bf16, the first in the lower half.
struct BF16Pair: PackedLane {
  typealias Row = BF16Row

  let bits: UInt32

  static var type: ElementType { .bf16 }
  static var zero: BF16Pair { BF16Pair(bits: 0) }

  @inline(__always)
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector {
    phd_dot_bf16(sums, SIMD16(repeating: bits), unsafeBitCast(lanes, to: SIMD16<UInt32>.self))
  }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<BF16Pair>, stride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<BF16Pair>, targetStride: Int
  ) -> (lanes: UnsafePointer<BF16Pair>, stride: Int) {
    let bf16 = UnsafeRawPointer(rows).assumingMemoryBound(to: UInt16.self)
    interleavePairs(bf16, stride: 2 &* stride, count: count, columns: columns, into: target, targetStride: targetStride)
    return (UnsafePointer(target), targetStride)
  }

  /// target [⌈count / 2⌉, columns], rows `targetStride` pairs apart ← each element and the one below it; rows
  /// [count, columns], `stride` elements apart. Zeros are below the last row where `count` is odd.
  @inline(__always)
  static func interleavePairs(
    _ rows: UnsafePointer<UInt16>, stride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<BF16Pair>, targetStride: Int
  ) {
    for index in 0..<lanes(for: count) {
      let first = rows + 2 &* index &* stride
      let second = 2 &* index &+ 1 < count ? first + stride : nil
      let result = target + index &* targetStride
      overVectors(columns) { column in
        let low = UnsafeRawPointer(first + column).loadUnaligned(as: SIMD16<UInt16>.self)
        let high = second.map { UnsafeRawPointer($0 + column).loadUnaligned(as: SIMD16<UInt16>.self) } ?? .zero
        let pairs = phd_widen(low) | phd_widen(high) &<< 16
        UnsafeMutableRawPointer(result + column).storeBytes(of: pairs, as: SIMD16<UInt32>.self)
      } tail: { column in
        result[column] = BF16Pair(bits: UInt32(first[column]) | UInt32(second?[column] ?? 0) &<< 16)
      }
    }
  }
}
