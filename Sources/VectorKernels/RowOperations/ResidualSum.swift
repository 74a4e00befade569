import Tensors

/// The implementation of ``ResidualSumKernel``.
enum ResidualSum: ResidualSumKernel {
  static func forward(_ y: Matrix, _ x: Matrix, _ addend: Matrix, on team: ThreadTeam) {
    precondition(
      x.rows == y.rows && x.columns == y.columns && addend.rows == y.rows && addend.columns == y.columns
        && x.type == .fp32 && y.type == .fp32, "\(y), \(x), \(addend)")
    switch addend.type {
    case .fp32: forward(FloatRow.self, y, x, addend, team)
    case .bf16: forward(BF16Row.self, y, x, addend, team)
    }
  }

  @inline(__always)
  private static func forward<Row: MatrixRow>(
    _: Row.Type, _ y: Matrix, _ x: Matrix, _ addend: Matrix, _ team: ThreadTeam
  ) {
    team.forEach(Rows.pieces(y.rows)) { piece, _ in
      for row in Rows.range(piece, of: y.rows) {
        let (target, stream, added) = (y.row(row), x.row(row), Row(addend, row))
        overVectors(y.columns) { column in
          target.store(UnsafePointer(stream).vector(at: column) + added.vector(at: column), at: column)
        } tail: { column in
          target[column] = stream[column] + added[column]
        }
      }
    }
  }
}
