/// Weights [rows, columns] in the order in which ``PackedProduct`` reads them: panels of ``PanelTile/columns`` rows,
/// [panel][lanes of a row][rows of a panel], zero beyond the last row.
///
/// A panel is read sequentially, which is as fast as memory allows, and no sum is added up across lanes.
public struct PackedMatrix: @unchecked Sendable {
  // Unchecked: callers must not read or write a row while another thread writes it.

  /// Element type of the packed lanes, see ``PackedLane``.
  public let type: ElementType
  public let rows: Int
  public let columns: Int
  let base: UnsafeMutableRawPointer

  /// - Parameter base: memory for ``bytes(rows:columns:_:)``, zeroed.
  public init(_ base: UnsafeMutableRawPointer, _ type: ElementType, rows: Int, columns: Int) {
    precondition(rows > 0 && columns > 0, "packed weights of \(rows) × \(columns)")
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
  }

  /// The number of bytes of packed weights [rows, columns].
  public static func bytes(rows: Int, columns: Int, _ type: ElementType) -> Int {
    (rows + PanelTile.columns - 1) / PanelTile.columns * PanelTile.columns * lanes(columns, type)
      * MemoryLayout<UInt32>.size
  }

  private static func lanes(_ columns: Int, _ type: ElementType) -> Int {
    type == .fp32 ? Float.lanes(for: columns) : BF16Pair.lanes(for: columns)
  }

  /// Packed lanes of a row.
  var lanes: Int { PackedMatrix.lanes(columns, type) }
  var panels: Int { (rows + PanelTile.columns - 1) / PanelTile.columns }

  /// Rows from `first` on ← the rows of an fp32 matrix.
  public func pack(_ source: Matrix, at first: Int) {
    precondition(source.columns == columns && first >= 0 && first + source.rows <= rows, "\(source) at \(first)")
    var row = 0
    while row < source.rows {
      let target = first + row
      // Up to eight rows at a time: those of one aligned group of eight.
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
      into: base.assumingMemoryBound(to: Source.Lane.self) + firstLane(of: target), stride: PanelTile.columns)
  }

  /// floats [columns] ← a row.
  public func unpack(_ row: Int, into floats: UnsafeMutablePointer<Float>) {
    let lanes = base.assumingMemoryBound(to: UInt32.self) + firstLane(of: row)
    for column in 0..<columns {
      switch type {
      case .fp32: floats[column] = Float(bitPattern: lanes[column &* PanelTile.columns])
      case .bf16:
        let pair = lanes[column / 2 &* PanelTile.columns]
        floats[column] = Float(bitPattern: column % 2 == 0 ? pair &<< 16 : pair & 0xffff_0000)
      }
    }
  }

  /// Index of a row's first lane; its lanes are ``PanelTile/columns`` apart.
  private func firstLane(of row: Int) -> Int {
    row / PanelTile.columns * PanelTile.columns * lanes + row % PanelTile.columns
  }
}
