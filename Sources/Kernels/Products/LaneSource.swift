import CProcessor

/// Where a product's lanes (``PackedLane``) are taken from: rows of elements of some type.
protocol LaneSource<Element> {
  associatedtype Lane: PackedLane
  associatedtype Element

  /// Eight lanes of the elements from `row` on.
  static func eightLanes(_ row: UnsafePointer<Element>) -> SIMD8<UInt32>
  /// One lane of the first `count` elements; the others are zero.
  static func oneLane(_ row: UnsafePointer<Element>, count: Int) -> UInt32
}

/// fp32 as it is.
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

/// bf16 as it is, in pairs.
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
  /// target [lanes][stride] ← up to eight rows, transposed: a lane of each beside those of the others.
  ///
  /// - Parameters:
  ///   - rows: [count, columns], `rowStride` elements apart; the inner dimension runs along them.
  ///   - stride: eight or more, or `count`.
  @inline(never)
  static func transpose(
    _ rows: UnsafePointer<Element>, stride rowStride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<Lane>, stride: Int
  ) {
    let target = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
    let (elements, lanes) = (Lane.elements, Lane.lanes(for: columns))
    var lane = 0
    if count == 8 || stride == count {
      // Eight lanes are stored of fewer rows too: what lies behind these is the next lane's place, and is written next.
      while (lane &+ 8) &* elements <= columns && (lanes &- lane &- 7) &* count >= 8 {
        var block = EightRows()
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
private struct EightRows {
  var rows = InlineArray<8, SIMD8<UInt32>>(repeating: .zero)

  /// Rows become columns: each step trades one bit of the row's number for one of the column's.
  @inline(__always)
  mutating func transpose() {
    trade(0, 1)
    trade(2, 3)
    trade(4, 5)
    trade(6, 7)
    trade(0, 2)
    trade(1, 3)
    trade(4, 6)
    trade(5, 7)
    trade(0, 4)
    trade(1, 5)
    trade(2, 6)
    trade(3, 7)
  }

  @inline(__always)
  private mutating func trade(_ first: Int, _ second: Int) {
    let both = SIMD16(lowHalf: rows[unchecked: first], highHalf: rows[unchecked: second])
    rows[unchecked: first] = both.evenHalf
    rows[unchecked: second] = both.oddHalf
  }
}

/// A source that can be read along the rows or down them.
protocol OperandSource: LaneSource {
  /// Whether whole lanes lie in memory as they are multiplied.
  static var storesLanes: Bool { get }

  /// target [lanes of count][columns] ← rows [count, columns], the inner dimension running down them; at most two rows,
  /// one lane.
  static func interleave(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Lane>)
}

extension OperandSource {
  /// The same of any number of rows, cut into blocks of columns.
  ///
  /// - Parameters:
  ///   - target: [block][lanes of count][width], blocks `blockStride` lanes apart; the last block is as wide as it is
  ///     where `narrowing`. Of a width below eight, eight lanes behind each block are written too.
  ///   - width: columns of a block.
  @inline(never)
  static func interleave(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Lane>,
    width: Int, blockStride: Int, narrowing: Bool
  ) {
    // Row by row, so that each is read from end to end.
    for lane in 0..<Lane.lanes(for: count) {
      let first = rows + lane &* Lane.elements &* stride
      let left = min(Lane.elements, count &- lane &* Lane.elements)
      var (column, block) = (0, target)
      while column < columns {
        for row in ahead &* Lane.elements..<(ahead &+ 1) &* Lane.elements {
          phd_prefetch_l2(first + (column &+ row &* stride))
        }
        let some = min(width, columns &- column)
        // Eight at once: what lies behind fewer is the next lane's place, and is written next.
        let stored = width < 8 && columns &- column >= 8 ? 8 : some
        interleave(
          first + column, stride: stride, count: left, columns: stored,
          into: block + lane &* (narrowing ? some : width))
        column &+= width
        block += blockStride
      }
    }
  }

  /// How many lanes down the rows their elements are asked for.
  private static var ahead: Int { 24 }
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
      BF16Pair.interleavePairs(rows, stride: stride, count: count, columns: columns, into: target, targetStride: columns)
    }
  }
}
