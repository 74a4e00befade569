import CProcessor

/// Where a product's words (``BlockElement``) are taken from: rows of elements of some type.
protocol WordSource<Element> {
  associatedtype Word: BlockElement
  associatedtype Element

  /// Eight words of the elements from `row` on.
  static func eight(_ row: UnsafePointer<Element>) -> SIMD8<UInt32>
  /// One word of the first `count` elements; the others are zero.
  static func one(_ row: UnsafePointer<Element>, count: Int) -> UInt32
}

/// fp32 as it is.
enum FloatWords: WordSource {
  typealias Word = Float

  @inline(__always)
  static func eight(_ row: UnsafePointer<Float>) -> SIMD8<UInt32> {
    UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func one(_ row: UnsafePointer<Float>, count: Int) -> UInt32 { row.pointee.bitPattern }
}

/// fp32 rounded to pairs of bf16.
enum RoundedWords: WordSource {
  typealias Word = BF16Pair

  @inline(__always)
  static func eight(_ row: UnsafePointer<Float>) -> SIMD8<UInt32> {
    unsafeBitCast(phd_round_bf16(row.vector(at: 0)), to: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func one(_ row: UnsafePointer<Float>, count: Int) -> UInt32 {
    UInt32(row[0].bf16) | (count > 1 ? UInt32(row[1].bf16) &<< 16 : 0)
  }
}

/// bf16 as it is, in pairs.
enum HalfWords: WordSource {
  typealias Word = BF16Pair

  @inline(__always)
  static func eight(_ row: UnsafePointer<UInt16>) -> SIMD8<UInt32> {
    UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt32>.self)
  }

  @inline(__always)
  static func one(_ row: UnsafePointer<UInt16>, count: Int) -> UInt32 {
    UInt32(row[0]) | (count > 1 ? UInt32(row[1]) &<< 16 : 0)
  }
}

/// bf16 widened to fp32, which is exact.
enum WidenedWords: WordSource {
  typealias Word = Float

  @inline(__always)
  static func eight(_ row: UnsafePointer<UInt16>) -> SIMD8<UInt32> {
    phd_widen_eight(UnsafeRawPointer(row).loadUnaligned(as: SIMD8<UInt16>.self)) &<< 16
  }

  @inline(__always)
  static func one(_ row: UnsafePointer<UInt16>, count: Int) -> UInt32 { UInt32(row.pointee) &<< 16 }
}

extension WordSource {
  /// target [words][stride] ← up to eight rows, transposed: a word of each beside those of the others.
  ///
  /// - Parameters:
  ///   - rows: [count, columns], `rowStride` elements apart; the inner dimension runs along them.
  ///   - stride: eight or more, or `count`.
  @inline(never)
  static func turn(
    _ rows: UnsafePointer<Element>, stride rowStride: Int, count: Int, columns: Int,
    into target: UnsafeMutablePointer<Word>, stride: Int
  ) {
    let target = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
    let (elements, words) = (Word.elements, Word.words(columns))
    var word = 0
    if count == 8 || stride == count {
      // Eight lanes are stored of fewer rows too: what lies behind these is the next word's place, and is written next.
      while (word &+ 8) &* elements <= columns && (words &- word &- 7) &* count >= 8 {
        var block = EightRows()
        for row in 0..<8 where row < count {
          block.rows[unchecked: row] = eight(rows + (row &* rowStride &+ word &* elements))
        }
        block.turn()
        for index in 0..<8 {
          UnsafeMutableRawPointer(target + (word &+ index) &* stride).storeBytes(
            of: block.rows[unchecked: index], as: SIMD8<UInt32>.self)
        }
        word &+= 8
      }
    }
    while word < words {
      for row in 0..<count {
        let left = min(elements, columns &- word &* elements)
        target[word &* stride &+ row] = one(rows + (row &* rowStride &+ word &* elements), count: left)
      }
      word &+= 1
    }
  }
}

/// Eight rows of eight words.
private struct EightRows {
  var rows = InlineArray<8, SIMD8<UInt32>>(repeating: .zero)

  /// Rows become columns: each step trades one bit of the row's number for one of the column's.
  @inline(__always)
  mutating func turn() {
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
protocol OperandSource: WordSource {
  /// Whether whole words lie in memory as they are multiplied.
  static var storesWords: Bool { get }

  /// target [words of count][columns] ← rows [count, columns], the inner dimension running down them; at most two rows,
  /// one word.
  static func down(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Word>)
}

extension OperandSource {
  /// The same of any number of rows, cut into blocks of columns.
  ///
  /// - Parameters:
  ///   - target: [block][words of count][width], blocks `blockStride` words apart; the last block is as wide as it is
  ///     where `narrowing`. Of a width below eight, eight words behind each block are written too.
  ///   - width: columns of a block.
  @inline(never)
  static func down(
    _ rows: UnsafePointer<Element>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Word>,
    width: Int, blockStride: Int, narrowing: Bool
  ) {
    // Row by row, so that each is read from end to end.
    for word in 0..<Word.words(count) {
      let first = rows + word &* Word.elements &* stride
      let left = min(Word.elements, count &- word &* Word.elements)
      var (column, block) = (0, target)
      while column < columns {
        for row in ahead &* Word.elements..<(ahead &+ 1) &* Word.elements {
          phd_prefetch_far(first + (column &+ row &* stride))
        }
        let some = min(width, columns &- column)
        // Eight at once: what lies behind fewer is the next word's place, and is written next.
        let stored = width < 8 && columns &- column >= 8 ? 8 : some
        down(
          first + column, stride: stride, count: left, columns: stored,
          into: block + word &* (narrowing ? some : width))
        column &+= width
        block += blockStride
      }
    }
  }

  /// How many words down the rows their elements are asked for.
  private static var ahead: Int { 24 }
}

extension FloatWords: OperandSource {
  static var storesWords: Bool { true }

  @inline(__always)
  static func down(
    _ rows: UnsafePointer<Float>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>
  ) {
    if columns == 8 {
      UnsafeMutableRawPointer(target).storeBytes(of: eight(rows), as: SIMD8<UInt32>.self)
    } else {
      overVectors(columns) {
        target.store(rows.vector(at: $0), at: $0)
      } tail: {
        target[$0] = rows[$0]
      }
    }
  }
}

extension WidenedWords: OperandSource {
  static var storesWords: Bool { false }

  @inline(__always)
  static func down(
    _ rows: UnsafePointer<UInt16>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<Float>
  ) {
    if columns == 8 {
      UnsafeMutableRawPointer(target).storeBytes(of: eight(rows), as: SIMD8<UInt32>.self)
    } else {
      BF16.widen(target, rows, count: columns)
    }
  }
}

extension HalfWords: OperandSource {
  static var storesWords: Bool { true }

  @inline(__always)
  static func down(
    _ rows: UnsafePointer<UInt16>, stride: Int, count: Int, columns: Int, into target: UnsafeMutablePointer<BF16Pair>
  ) {
    if columns == 8 && count == 2 {
      let low = UnsafeRawPointer(rows).loadUnaligned(as: SIMD8<UInt16>.self)
      let high = UnsafeRawPointer(rows + stride).loadUnaligned(as: SIMD8<UInt16>.self)
      UnsafeMutableRawPointer(target).storeBytes(
        of: phd_widen_eight(low) | phd_widen_eight(high) &<< 16, as: SIMD8<UInt32>.self)
    } else {
      BF16Pair.pair(rows, stride: stride, count: count, columns: columns, into: target, targetStride: columns)
    }
  }
}
