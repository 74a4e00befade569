import Tensors

/// The implementation of ``PackingKernel``.
enum Packing: PackingKernel {
  static var panelRows: Int { PanelTile.columns }

  static func pack(_ source: Matrix, into packed: PackedMatrix, at first: Int) {
    precondition(
      source.columns == packed.columns && first >= 0 && first + source.rows <= packed.rows
        && packed.panelRows == panelRows, "\(source) at \(first) of \(packed)")
    var row = 0
    while row < source.rows {
      let target = first + row
      // Up to eight rows at a time: those of one aligned group of eight.
      let count = min(8 - target % 8, source.rows - row)
      switch packed.type {
      case .fp32: pack(FloatLanes.self, source.rows(row..<row + count), packed, at: target)
      case .bf16: pack(RoundedBF16Lanes.self, source.rows(row..<row + count), packed, at: target)
      }
      row += count
    }
  }

  private static func pack<Source: LaneSource<Float>>(
    _: Source.Type, _ rows: Matrix, _ packed: PackedMatrix, at target: Int
  ) {
    Source.transpose(
      rows.pointer, stride: rows.stride, count: rows.rows, columns: packed.columns,
      into: packed.base.assumingMemoryBound(to: Source.Lane.self) + packed.firstLane(of: target), stride: panelRows)
  }
}
