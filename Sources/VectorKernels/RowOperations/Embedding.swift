import Tensors

/// The implementation of ``EmbeddingKernel``.
enum Embedding: EmbeddingKernel {
  static func forward(
    _ x: Matrix, table: Matrix, tokens: UnsafeBufferPointer<Int32>, copies: Int, on team: ThreadTeam
  ) {
    precondition(x.rows == copies * tokens.count && x.columns == table.columns, "x \(x), table \(table)")
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      for row in Rows.range(piece, of: x.rows) {
        let token = Int(tokens[row % tokens.count])
        switch table.type {
        case .fp32: x.row(row).update(from: table.row(token), count: x.columns)
        case .bf16: Vectors.widen(x.row(row), table.bf16Row(token), count: x.columns)
        }
      }
    }
  }

  static func backward(
    _ dx: Matrix, tableGradient: Matrix, tokens: UnsafeBufferPointer<Int32>, copies: Int, on team: ThreadTeam
  ) {
    precondition(dx.rows == copies * tokens.count && dx.columns == tableGradient.columns, "dx \(dx)")
    let strip = 64
    team.forEach((dx.columns + strip - 1) / strip) { piece, _ in
      let first = piece &* strip
      let width = min(strip, dx.columns &- first)
      for row in 0..<dx.rows {
        let source = dx.row(row) + first
        let target = tableGradient.row(Int(tokens[row % tokens.count])) + first
        overVectors(width) { column in
          target.store(target.vector(at: column) + source.vector(at: column), at: column)
        } tail: { column in
          target[column] += source[column]
        }
      }
    }
  }
}
