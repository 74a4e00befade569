import CProcessor

/// A lane source for either orientation of an operand: the inner dimension may run along the rows or across them.
protocol OperandSource: LaneSource {
  /// Whether rows in memory are already packed lanes.
  static var storesLanes: Bool { get }

  /// Packs the rows of one lane for a product whose inner dimension runs across them: target [columns] ← rows
  /// [count, columns], `count` at most ``PackedLane/elements``.
  static func interleave(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Lane>)
}

extension OperandSource {
  /// Packs any number of rows for a product whose inner dimension runs across them, in blocks of columns.
  ///
  /// - Parameters:
  ///   - target: [block][lanes of count][width], blocks `blockStride` lanes apart. If the width is below eight, up to
  ///     eight lanes beyond each block are written too.
  ///   - width: columns of a block.
  ///   - narrowing: whether the last block has only the remaining columns, rather than `width`.
  @inline(never)
  static func interleave(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Lane>,
    width: Int, blockStride: Int, narrowing: Bool
  ) {
    // Row by row, so that each is read sequentially.
    for lane in 0..<Lane.lanes(for: count) {
      let first = rows + lane &* Lane.elements &* stride
      let left = min(Lane.elements, count &- lane &* Lane.elements)
      var (column, block) = (0, target)
      while column < columns {
        for row in prefetchDistance &* Lane.elements..<(prefetchDistance &+ 1) &* Lane.elements {
          phd_prefetch_l2(first + (column &+ row &* stride))
        }
        let blockColumns = min(width, columns &- column)
        // Stores of eight lanes are fastest. The next store overwrites the excess.
        let stored = width < 8 && columns &- column >= 8 ? 8 : blockColumns
        interleave(
          first + column, stride: stride, count: left, columns: stored,
          into: block + lane &* (narrowing ? blockColumns : width))
        column &+= width
        block += blockStride
      }
    }
  }

  /// Prefetch distance into L2, in lanes' rows.
  private static var prefetchDistance: Int { 24 }
}

extension FloatLanes: OperandSource {
  static var storesLanes: Bool { true }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>
  ) {
    if columns == 8 {
      UnsafeMutableRawPointer(target).storeBytes(of: eightLanes(rows), as: SIMD8<UInt32>.self)
    } else {
      overVectors(columns) {
        target.store(rows.vector(at: $0), at: $0)
      } tail: {
        target[$0] = rows[$0]
      }
    }
  }
}

extension WidenedBF16Lanes: OperandSource {
  static var storesLanes: Bool { false }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<UInt16>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>
  ) {
    if columns == 8 {
      UnsafeMutableRawPointer(target).storeBytes(of: eightLanes(rows), as: SIMD8<UInt32>.self)
    } else {
      BF16.widen(target, rows, count: columns)
    }
  }
}

extension BF16Lanes: OperandSource {
  static var storesLanes: Bool { true }

  @inline(__always)
  static func interleave(
    _ rows: UnsafePointer<UInt16>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<BF16Pair>
  ) {
    if columns == 8 && count == 2 {
      let low = UnsafeRawPointer(rows).loadUnaligned(as: SIMD8<UInt16>.self)
      let high = UnsafeRawPointer(rows + stride).loadUnaligned(as: SIMD8<UInt16>.self)
      UnsafeMutableRawPointer(target).storeBytes(
        of: phd_widen_eight(low) | phd_widen_eight(high) &<< 16, as: SIMD8<UInt32>.self)
    } else {
      BF16Pair.interleavePairs(
        rows, stride: stride, count: count, columns: columns, into: target, targetStride: columns)
    }
  }
}
