/// Weights [rows, columns] as ``PackedProduct`` reads them: panels of 32 rows, [panel][lanes of a row][32].
///
/// A panel is gone through from end to end, so that memory gives it as fast as it can, and a product's sums need not be
/// added up across lanes. What is beyond the last row is zero.
public struct PackedMatrix: @unchecked Sendable {
  // Unchecked: as with any buffer, who writes where is the caller's business.

  /// Of the lanes, see ``PackedLane``.
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
    (rows + PanelTile.columns - 1) / PanelTile.columns * PanelTile.columns * lanes(columns, type)
      * MemoryLayout<UInt32>.size
  }

  private static func lanes(_ columns: Int, _ type: ElementType) -> Int {
    type == .fp32 ? Float.lanes(for: columns) : BF16Pair.lanes(for: columns)
  }

  /// Words of a row.
  var lanes: Int { PackedMatrix.lanes(columns, type) }
  var panels: Int { (rows + PanelTile.columns - 1) / PanelTile.columns }

  /// Rows from `first` on ← the rows of an fp32 matrix.
  public func pack(_ source: Matrix, at first: Int) {
    precondition(source.columns == columns && first >= 0 && first + source.rows <= rows, "\(source) at \(first)")
    var row = 0
    while row < source.rows {
      let target = first + row
      // Eight rows that lie beside each other, or what there is of them.
      let count = min(8 - target % 8, source.rows - row)
      switch type {
      case .fp32: pack(FloatLanes.self, source.rows(row..<row + count), at: target)
      case .bf16: pack(RoundedBF16Lanes.self, source.rows(row..<row + count), at: target)
      }
      row += count
    }
  }

  private func pack<Source: LaneSource<Float>>(_: Source.Type, _ rows: Matrix, at target: Int) {
    Source.transpose(
      rows.pointer, stride: rows.stride, count: rows.rows, columns: columns,
      into: base.assumingMemoryBound(to: Source.Lane.self) + place(of: target), stride: PanelTile.columns)
  }

  /// floats [columns] ← a row.
  public func unpack(_ row: Int, into floats: UnsafeMutablePointer<Float>) {
    let lanes = base.assumingMemoryBound(to: UInt32.self) + place(of: row)
    for column in 0..<columns {
      switch type {
      case .fp32: floats[column] = Float(bitPattern: lanes[column &* PanelTile.columns])
      case .bf16:
        let pair = lanes[column / 2 &* PanelTile.columns]
        floats[column] = Float(bitPattern: column % 2 == 0 ? pair &<< 16 : pair & 0xffff_0000)
      }
    }
  }

  /// Where a row's first lane is; the next is a panel's width further.
  private func place(of row: Int) -> Int {
    row / PanelTile.columns * PanelTile.columns * lanes + row % PanelTile.columns
  }
}
