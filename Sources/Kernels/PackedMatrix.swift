/// Weights [rows, columns] as ``PackedProduct`` reads them: panels of 32 rows, [panel][words of a row][32].
///
/// A panel is gone through from end to end, so that memory gives it as fast as it can, and a product's sums need not be
/// added up across lanes. What is beyond the last row is zero.
public struct PackedMatrix: @unchecked Sendable {
  // Unchecked: as with any buffer, who writes where is the caller's business.

  /// Rows of a panel.
  static let panel = 2 * vectorWidth

  /// Of the words, see ``BlockElement``.
  public let type: ElementType
  public let rows: Int
  public let columns: Int
  let base: UnsafeMutableRawPointer

  /// - Parameter base: room for ``bytes(rows:columns:_:)``, all zero.
  public init(_ base: UnsafeMutableRawPointer, _ type: ElementType, rows: Int, columns: Int) {
    precondition(rows > 0 && columns > 0, "packed weights of \(rows) × \(columns)")
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
  }

  /// Bytes that weights of so many rows and columns take.
  public static func bytes(rows: Int, columns: Int, _ type: ElementType) -> Int {
    (rows + panel - 1) / panel * panel * words(columns, type) * MemoryLayout<UInt32>.size
  }

  private static func words(_ columns: Int, _ type: ElementType) -> Int {
    type == .fp32 ? Float.words(columns) : BF16Pair.words(columns)
  }

  /// Words of a row.
  var words: Int { PackedMatrix.words(columns, type) }
  var panels: Int { (rows + PackedMatrix.panel - 1) / PackedMatrix.panel }

  /// Rows from `first` on ← the rows of an fp32 matrix.
  public func pack(_ source: Matrix, at first: Int) {
    precondition(source.columns == columns && first >= 0 && first + source.rows <= rows, "\(source) at \(first)")
    var row = 0
    while row < source.rows {
      let target = first + row
      // Eight rows that lie beside each other, or what there is of them.
      let count = min(8 - target % 8, source.rows - row)
      let place = base.assumingMemoryBound(to: UInt32.self) + self.place(of: target)
      switch type {
      case .fp32: Float.turn(source.rows(row..<row + count), into: place, stride: PackedMatrix.panel)
      case .bf16: BF16Pair.turn(source.rows(row..<row + count), into: place, stride: PackedMatrix.panel)
      }
      row += count
    }
  }

  /// floats [columns] ← a row.
  public func unpack(_ row: Int, into floats: UnsafeMutablePointer<Float>) {
    let words = base.assumingMemoryBound(to: UInt32.self) + place(of: row)
    for column in 0..<columns {
      switch type {
      case .fp32: floats[column] = Float(bitPattern: words[column &* PackedMatrix.panel])
      case .bf16:
        let pair = words[column / 2 &* PackedMatrix.panel]
        floats[column] = Float(bitPattern: column % 2 == 0 ? pair &<< 16 : pair & 0xffff_0000)
      }
    }
  }

  /// Where a row's first word is; the next is a panel's width further.
  private func place(of row: Int) -> Int {
    row / PackedMatrix.panel * PackedMatrix.panel * words + row % PackedMatrix.panel
  }
}

extension BlockElement {
  /// target [words][stride] ← up to eight rows of fp32, turned: a word of each beside those of the others.
  static func turn(_ rows: Matrix, into target: UnsafeMutablePointer<UInt32>, stride: Int) {
    let words = words(rows.columns)
    var word = 0
    if rows.rows == 8 {
      while (word &+ 8) &* elements <= rows.columns {
        var block = EightRows()
        for row in 0..<8 { block.rows[unchecked: row] = eight(rows.row(row) + word &* elements) }
        block.turn()
        for index in 0..<8 {
          UnsafeMutableRawPointer(target + (word &+ index) &* stride).storeBytes(
            of: block.rows[unchecked: index], as: SIMD8<UInt32>.self)
        }
        word &+= 8
      }
    }
    while word < words {
      for row in 0..<rows.rows {
        let first = rows.row(row) + word &* elements
        target[word &* stride &+ row] = one(first, count: min(elements, rows.columns &- word &* elements))
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
