/// Weights [rows, columns] in the order in which ``PackedProductKernel`` reads them: panels of `panelRows` rows,
/// [panel][lanes of a row][rows of a panel], zero beyond the last row. A lane is one fp32, or two bf16.
///
/// A panel is read sequentially, which is as fast as memory allows, and no sum is added up across lanes.
public struct PackedMatrix: @unchecked Sendable {
  // Unchecked: callers must not read or write a row while another thread writes it.

  /// Element type of the packed lanes.
  public let type: ElementType
  public let rows: Int
  public let columns: Int
  /// ``PackingKernel/panelRows`` of the kernels that pack and multiply.
  package let panelRows: Int
  package let base: UnsafeMutableRawPointer

  /// - Parameter base: memory for ``bytes(rows:columns:_:panelRows:)``, zeroed.
  package init(_ base: UnsafeMutableRawPointer, _ type: ElementType, rows: Int, columns: Int, panelRows: Int) {
    precondition(rows > 0 && columns > 0, "packed weights of \(rows) × \(columns)")
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
    self.panelRows = panelRows
  }

  /// The number of bytes of packed weights [rows, columns].
  package static func bytes(rows: Int, columns: Int, _ type: ElementType, panelRows: Int) -> Int {
    panels(rows, panelRows) * panelRows * lanes(columns, type) * MemoryLayout<UInt32>.size
  }

  private static func panels(_ rows: Int, _ panelRows: Int) -> Int { (rows + panelRows - 1) / panelRows }

  private static func lanes(_ columns: Int, _ type: ElementType) -> Int {
    type == .fp32 ? columns : (columns + 1) / 2
  }

  /// Packed lanes of a row.
  package var lanes: Int { PackedMatrix.lanes(columns, type) }
  package var panels: Int { PackedMatrix.panels(rows, panelRows) }

  /// floats [columns] ← a row.
  public func unpack(_ row: Int, into floats: UnsafeMutablePointer<Float>) {
    let lanes = base.assumingMemoryBound(to: UInt32.self) + firstLane(of: row)
    for column in 0..<columns {
      switch type {
      case .fp32: floats[column] = Float(bitPattern: lanes[column &* panelRows])
      case .bf16:
        let pair = lanes[column / 2 &* panelRows]
        floats[column] = Float(bitPattern: column % 2 == 0 ? pair &<< 16 : pair & 0xffff_0000)
      }
    }
  }

  /// Index of a row's first lane; its lanes are `panelRows` apart.
  package func firstLane(of row: Int) -> Int { row / panelRows * panelRows * lanes + row % panelRows }
}
