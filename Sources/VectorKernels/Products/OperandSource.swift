import CProcessor
import Tensors

/// A lane source for either orientation of an operand: the inner dimension may run along the rows or across them.
protocol OperandSource: LaneSource {
  /// Whether rows in memory are already packed lanes.
  static var storesLanes: Bool { get }

  // The lanes of sixteen, eight or one of the columns of rows [count, …], `count` at most ``PackedLane/elements``: a lane
  // holds the elements of one column. A missing row is zero.

  static func sixteenColumns(_ rows: UnsafePointer<Element>, stride: Int, count: Int) -> SIMD16<UInt32>
  static func eightColumns(_ rows: UnsafePointer<Element>, stride: Int, count: Int) -> SIMD8<UInt32>
  static func oneColumn(_ rows: UnsafePointer<Element>, stride: Int, count: Int) -> UInt32
}

extension OperandSource {
  /// Packs any number of rows for a product whose inner dimension runs across them, in blocks of columns.
  ///
  /// - Parameters:
  ///   - target: [block][lanes of count][width], blocks `blockStride` lanes apart.
  ///   - width: columns of a block.
  ///   - narrowing: whether the last block has only the remaining columns, rather than `width`.
  @inline(never)
  static func interleave(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Lane>,
    width: Int, blockStride: Int, narrowing: Bool
  ) {
    let target = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
    // Row by row, so that each is read sequentially.
    for lane in 0..<Lane.lanes(for: count) {
      let first = rows + lane &* Lane.elements &* stride
      let left = min(Lane.elements, count &- lane &* Lane.elements)
      prefetch(first, stride: stride, columns: columns)
      var (column, block) = (0, target)
      if width == 4 {
        let place = lane &* 4
        while column &+ 8 <= columns {
          let lanes = eightColumns(first + column, stride: stride, count: left)
          UnsafeMutableRawPointer(block + place).storeBytes(of: lanes.lowHalf, as: SIMD4<UInt32>.self)
          UnsafeMutableRawPointer(block + (blockStride &+ place)).storeBytes(of: lanes.highHalf, as: SIMD4<UInt32>.self)
          column &+= 8
          block += 2 &* blockStride
        }
      }
      while column < columns {
        let blockColumns = min(width, columns &- column)
        pack(
          first + column, stride: stride, count: left, columns: blockColumns,
          into: block + lane &* (narrowing ? blockColumns : width))
        column &+= width
        block += blockStride
      }
    }
  }

  /// Packs the rows of one lane: target [columns].
  @inline(__always)
  private static func pack(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<UInt32>
  ) {
    var column = 0
    while column &+ 16 <= columns {
      UnsafeMutableRawPointer(target + column).storeBytes(
        of: sixteenColumns(rows + column, stride: stride, count: count), as: SIMD16<UInt32>.self)
      column &+= 16
    }
    if column &+ 8 <= columns {
      UnsafeMutableRawPointer(target + column).storeBytes(
        of: eightColumns(rows + column, stride: stride, count: count), as: SIMD8<UInt32>.self)
      column &+= 8
    }
    while column < columns {
      target[column] = oneColumn(rows + column, stride: stride, count: count)
      column &+= 1
    }
  }

  /// Prefetches the same columns of the rows of a later lane into L2.
  @inline(__always)
  private static func prefetch(_ rows: UnsafePointer<Element>, stride: Int, columns: Int) {
    let perLine = 64 / MemoryLayout<Element>.size
    for row in prefetchDistance &* Lane.elements..<(prefetchDistance &+ 1) &* Lane.elements {
      var column = 0
      while column < columns {
        phd_prefetch_l2(rows + (column &+ row &* stride))
        column &+= perLine
      }
    }
  }

  /// Prefetch distance, in lanes' rows.
  private static var prefetchDistance: Int { 24 }
}

extension FloatLanes: OperandSource {
  static var storesLanes: Bool { true }

  @inline(__always)
  static func sixteenColumns(_ rows: UnsafePointer<Float>, stride: Int, count: Int) -> SIMD16<UInt32> {
    UnsafeRawPointer(rows).loadUnaligned(as: SIMD16<UInt32>.self)
  }

  @inline(__always)
  static func eightColumns(_ rows: UnsafePointer<Float>, stride: Int, count: Int) -> SIMD8<UInt32> { eightLanes(rows) }

  @inline(__always)
  static func oneColumn(_ rows: UnsafePointer<Float>, stride: Int, count: Int) -> UInt32 { rows.pointee.bitPattern }
}

extension WidenedBF16Lanes: OperandSource {
  static var storesLanes: Bool { false }

  @inline(__always)
  static func sixteenColumns(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> SIMD16<UInt32> {
    phd_widen(UnsafeRawPointer(rows).loadUnaligned(as: SIMD16<UInt16>.self)) &<< 16
  }

  @inline(__always)
  static func eightColumns(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> SIMD8<UInt32> { eightLanes(rows) }

  @inline(__always)
  static func oneColumn(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> UInt32 {
    UInt32(rows.pointee) &<< 16
  }
}

extension BF16Lanes: OperandSource {
  static var storesLanes: Bool { true }

  @inline(__always)
  static func sixteenColumns(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> SIMD16<UInt32> {
    let low = phd_widen(UnsafeRawPointer(rows).loadUnaligned(as: SIMD16<UInt16>.self))
    if count == 1 { return low }
    return low | phd_widen(UnsafeRawPointer(rows + stride).loadUnaligned(as: SIMD16<UInt16>.self)) &<< 16
  }

  @inline(__always)
  static func eightColumns(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> SIMD8<UInt32> {
    let low = phd_widen_eight(UnsafeRawPointer(rows).loadUnaligned(as: SIMD8<UInt16>.self))
    if count == 1 { return low }
    return low | phd_widen_eight(UnsafeRawPointer(rows + stride).loadUnaligned(as: SIMD8<UInt16>.self)) &<< 16
  }

  @inline(__always)
  static func oneColumn(_ rows: UnsafePointer<UInt16>, stride: Int, count: Int) -> UInt32 {
    UInt32(rows[0]) | (count > 1 ? UInt32(rows[stride]) &<< 16 : 0)
  }
}
