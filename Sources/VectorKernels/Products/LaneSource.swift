import CProcessor
import Tensors

/// Reads rows of elements of one type as packed lanes (``PackedLane``), converting if the types differ.
protocol LaneSource<Element> {
  associatedtype Lane: PackedLane
  associatedtype Element

  /// The eight lanes from `row` on.
  static func eightLanes(_ row: UnsafePointer<Element>) -> SIMD8<UInt32>
  /// One lane of the first `count` elements; a missing element is zero.
  static func oneLane(_ row: UnsafePointer<Element>, count: Int) -> UInt32
}

/// fp32, unchanged.
enum FloatLanes: LaneSource {
  typealias Lane = Float

  @inline(__always)
  static func eightLanes(_ row: UnsafePointer<Float>) -> SIMD8<UInt32> {
    UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func oneLane(_ row: UnsafePointer<Float>, count: Int) -> UInt32 { row.pointee.bitPattern }
}

/// fp32 rounded to pairs of bf16.
enum RoundedBF16Lanes: LaneSource {
  typealias Lane = BF16Pair

  @inline(__always)
  static func eightLanes(_ row: UnsafePointer<Float>) -> SIMD8<UInt32> {
    unsafeBitCast(phd_round_bf16(row.vector(at: 0)), to: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func oneLane(_ row: UnsafePointer<Float>, count: Int) -> UInt32 {
    UInt32(row[0].bf16) | (count > 1 ? UInt32(row[1].bf16) &<< 16 : 0)
  }
}

/// fp32 rounded to bf16 and widened again.
enum RoundedFloatLanes: LaneSource {
  typealias Lane = Float

  @inline(__always)
  static func eightLanes(_ row: UnsafePointer<Float>) -> SIMD8<UInt32> {
    let half = row.halfVector(at: 0)
    return phd_widen_eight(phd_round_bf16(Vector(lowHalf: half, highHalf: half)).lowHalf) &<< 16
  }

  @inline(__always)
  static func oneLane(_ row: UnsafePointer<Float>, count: Int) -> UInt32 { UInt32(row.pointee.bf16) &<< 16 }
}

/// bf16 in pairs, unchanged.
enum BF16Lanes: LaneSource {
  typealias Lane = BF16Pair

  @inline(__always)
  static func eightLanes(_ row: UnsafePointer<UInt16>) -> SIMD8<UInt32> {
    UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func oneLane(_ row: UnsafePointer<UInt16>, count: Int) -> UInt32 {
    UInt32(row[0]) | (count > 1 ? UInt32(row[1]) &<< 16 : 0)
  }
}

/// bf16 widened to fp32, which is exact.
enum WidenedBF16Lanes: LaneSource {
  typealias Lane = Float

  @inline(__always)
  static func eightLanes(_ row: UnsafePointer<UInt16>) -> SIMD8<UInt32> {
    phd_widen_eight(UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt16>.self)) &<< 16
  }

  @inline(__always)
  static func oneLane(_ row: UnsafePointer<UInt16>, count: Int) -> UInt32 { UInt32(row.pointee) &<< 16 }
}

extension LaneSource {
  /// Packs up to eight rows for a product whose inner dimension runs along them: target [lanes][stride] ← the rows'
  /// lanes, transposed.
  ///
  /// - Parameters:
  ///   - rows: [count, columns], `rowStride` elements apart.
  ///   - stride: lanes from one row of the target to the next: at least eight, or `count`.
  @inline(never)
  static func transpose(
    _ rows: UnsafePointer<Element>, stride rowStride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<Lane>, stride: Int
  ) {
    let target = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
    let (elements, lanes) = (Lane.elements, Lane.lanes(for: columns))
    var lane = 0
    if count == 4 && stride == 4 {
      while (lane &+ 8) &* elements <= columns {
        func row(_ index: Int) -> SIMD8<UInt32> { eightLanes(rows + (index &* rowStride &+ lane &* elements)) }
        let columns = transposed(row(0), row(1), row(2), row(3))
        let first = UnsafeMutableRawPointer(target + lane &* 4)
        first.storeBytes(of: columns.0, toByteOffset: 0, as: SIMD8<UInt32>.self)
        first.storeBytes(of: columns.1, toByteOffset: 32, as: SIMD8<UInt32>.self)
        first.storeBytes(of: columns.2, toByteOffset: 64, as: SIMD8<UInt32>.self)
        first.storeBytes(of: columns.3, toByteOffset: 96, as: SIMD8<UInt32>.self)
        lane &+= 8
      }
    } else if count == 8 || stride == count {
      // With fewer rows than eight, each store writes eight lanes too, because the next store overwrites the excess.
      while (lane &+ 8) &* elements <= columns && (lanes &- lane &- 7) &* count >= 8 {
        var block = EightLaneRows()
        for row in 0..<8 where row < count {
          block.rows[unchecked: row] = eightLanes(rows + (row &* rowStride &+ lane &* elements))
        }
        block.transpose()
        for index in 0..<8 {
          UnsafeMutableRawPointer(target + (lane &+ index) &* stride).storeBytes(
            of: block.rows[unchecked: index], as: SIMD8<UInt32>.self)
        }
        lane &+= 8
      }
    }
    while lane < lanes {
      for row in 0..<count {
        let left = min(elements, columns &- lane &* elements)
        target[lane &* stride &+ row] = oneLane(rows + (row &* rowStride &+ lane &* elements), count: left)
      }
      lane &+= 1
    }
  }
}

/// Eight rows of eight lanes.
private struct EightLaneRows {
  var rows = InlineArray<8, SIMD8<UInt32>>(repeating: .zero)

  /// Each step exchanges one bit of the row index with one bit of the column index.
  @inline(__always)
  mutating func transpose() {
    exchange(0, 1)
    exchange(2, 3)
    exchange(4, 5)
    exchange(6, 7)
    exchange(0, 2)
    exchange(1, 3)
    exchange(4, 6)
    exchange(5, 7)
    exchange(0, 4)
    exchange(1, 5)
    exchange(2, 6)
    exchange(3, 7)
  }

  @inline(__always)
  private mutating func exchange(_ first: Int, _ second: Int) {
    var (even, odd) = (rows[unchecked: first], rows[unchecked: second])
    separate(&even, &odd)
    rows[unchecked: first] = even
    rows[unchecked: second] = odd
  }
}

/// Four rows of eight lanes, transposed: vector i holds columns 2i and 2i + 1 of all four rows.
@inline(__always)
private func transposed(
  _ r0: SIMD8<UInt32>, _ r1: SIMD8<UInt32>, _ r2: SIMD8<UInt32>, _ r3: SIMD8<UInt32>
) -> (SIMD8<UInt32>, SIMD8<UInt32>, SIMD8<UInt32>, SIMD8<UInt32>) {
  var (r0, r1, r2, r3) = (r0, r1, r2, r3)
  separate(&r0, &r1)
  separate(&r2, &r3)
  separate(&r0, &r2)
  separate(&r1, &r3)
  separate(&r0, &r1)
  separate(&r2, &r3)
  return (r0, r2, r1, r3)
}

/// first ← the even lanes of both, second ← the odd lanes of both.
@inline(__always)
private func separate(_ first: inout SIMD8<UInt32>, _ second: inout SIMD8<UInt32>) {
  let both = SIMD16(lowHalf: first, highHalf: second)
  first = both.evenHalf
  second = both.oddHalf
}
