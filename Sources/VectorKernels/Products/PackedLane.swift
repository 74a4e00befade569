import CProcessor
import Tensors

/// The four bytes of one vector lane: one fp32, or two bf16 that are consecutive along the inner dimension of a product.
protocol PackedLane {
  /// A row of such elements.
  associatedtype Row: MatrixRow

  static var type: ElementType { get }
  static var zero: Self { get }

  /// sums + this · lanes, lane by lane; `lanes` holds sixteen packed lanes, see ``vector(_:at:)``.
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector
  /// The same for eight packed lanes.
  func product(_ lanes: HalfVector, addedTo sums: HalfVector) -> HalfVector

  /// Interleaves rows for a product whose inner dimension runs across them: rows [count, columns] become lanes
  /// [lanes for count, columns]. A lane holds the elements of one column from consecutive rows, zero beyond the last row.
  /// fp32 needs no interleaving, so its rows are returned and `target` is not used.
  ///
  /// - Parameters:
  ///   - stride: lanes from one row to the next.
  ///   - target: memory for the rows of lanes, `targetStride` lanes apart.
  /// - Returns: the address of the lanes, and the lanes from one of their rows to the next.
  static func interleave(
    _ rows: UnsafePointer<Self>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Self>,
    targetStride: Int
  ) -> (lanes: UnsafePointer<Self>, stride: Int)
}

extension PackedLane {
  /// The number of elements of a lane.
  static var elements: Int { MemoryLayout<Float>.size / type.bytes }

  /// The number of lanes that hold `count` elements.
  static func lanes(for count: Int) -> Int { (count &+ elements &- 1) / elements }

  /// The eight lanes from `index` on, which need not be aligned.
  @inline(__always)
  static func halfVector(_ pointer: UnsafePointer<Self>, at index: Int) -> HalfVector {
    UnsafeRawPointer(pointer + index).loadUnaligned(as: HalfVector.self)
  }

  /// The sixteen lanes from `index` on, which need not be aligned.
  @inline(__always)
  static func vector(_ pointer: UnsafePointer<Self>, at index: Int) -> Vector {
    UnsafeRawPointer(pointer + index).loadUnaligned(as: Vector.self)
  }
}

extension Float: PackedLane {
  typealias Row = FloatRow

  static var type: ElementType { .fp32 }

  @inline(__always)
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector { sums.adding(Vector(repeating: self), times: lanes) }

  @inline(__always)
  func product(_ lanes: HalfVector, addedTo sums: HalfVector) -> HalfVector {
    sums.adding(HalfVector(repeating: self), times: lanes)
  }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>,
    targetStride: Int
  ) -> (lanes: UnsafePointer<Float>, stride: Int) { (rows, stride) }
}

/// Two bf16, the first in the lower 16 bits.
struct BF16Pair: PackedLane {
  typealias Row = BF16Row

  let bits: UInt32

  static var type: ElementType { .bf16 }
  static var zero: BF16Pair { BF16Pair(bits: 0) }

  @inline(__always)
  func product(_ lanes: Vector, addedTo sums: Vector) -> Vector {
    if Instructions.haveBF16 {
      return phd_dot_bf16(sums, SIMD16(repeating: bits), unsafeBitCast(lanes, to: SIMD16<UInt32>.self))
    }
    let pairs = unsafeBitCast(lanes, to: SIMD16<UInt32>.self)
    return
      sums
      .adding(Vector(repeating: lower), times: unsafeBitCast(pairs &<< 16, to: Vector.self))
      .adding(Vector(repeating: upper), times: unsafeBitCast(pairs & 0xffff_0000, to: Vector.self))
  }

  @inline(__always)
  func product(_ lanes: HalfVector, addedTo sums: HalfVector) -> HalfVector {
    let pairs = unsafeBitCast(lanes, to: SIMD8<UInt32>.self)
    return
      sums
      .adding(HalfVector(repeating: lower), times: unsafeBitCast(pairs &<< 16, to: HalfVector.self))
      .adding(HalfVector(repeating: upper), times: unsafeBitCast(pairs & 0xffff_0000, to: HalfVector.self))
  }

  /// The first bf16 of eight pairs, widened.
  @inline(__always)
  static func lower(_ pairs: UnsafePointer<BF16Pair>) -> HalfVector {
    unsafeBitCast(UnsafeRawPointer(pairs).loadUnaligned(as: SIMD8<UInt32>.self) &<< 16, to: HalfVector.self)
  }

  /// The second bf16 of eight pairs, widened.
  @inline(__always)
  static func upper(_ pairs: UnsafePointer<BF16Pair>) -> HalfVector {
    unsafeBitCast(UnsafeRawPointer(pairs).loadUnaligned(as: SIMD8<UInt32>.self) & 0xffff_0000, to: HalfVector.self)
  }

  /// The first and the second bf16, widened.
  @inline(__always)
  private var lower: Float { Float(bitPattern: bits &<< 16) }
  @inline(__always)
  private var upper: Float { Float(bitPattern: bits & 0xffff_0000) }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<BF16Pair>, stride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<BF16Pair>, targetStride: Int
  ) -> (lanes: UnsafePointer<BF16Pair>, stride: Int) {
    let elements = UnsafeRawPointer(rows).assumingMemoryBound(to: UInt16.self)
    interleavePairs(
      elements, stride: 2 &* stride, count: count, columns: columns, into: target, targetStride: targetStride)
    return (UnsafePointer(target), targetStride)
  }

  /// target [⌈count / 2⌉, columns], rows `targetStride` pairs apart ← pairs of elements of two consecutive rows; rows
  /// [count, columns], `stride` elements apart. If `count` is odd, the last row is paired with zeros.
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
