/// The embedding, E[token], repeated for every copy.
public enum Embedding {
  /// x ← table[token], in `copies` segments of `tokens.count` rows each; table [V, d], fp32 or bf16, x
  /// [copies·tokens, d].
  public static func forward(
    _ x: Matrix, table: Matrix, tokens: UnsafeBufferPointer<Int32>, copies: Int, on team: ThreadTeam
  ) {
    precondition(x.rows == copies * tokens.count && x.columns == table.columns, "x \(x), table \(table)")
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      for row in Rows.range(piece, of: x.rows) {
        let token = Int(tokens[row % tokens.count])
        switch table.type {
        case .fp32: x.row(row).update(from: table.row(token), count: x.columns)
        case .bf16: BF16.widen(x.row(row), table.bf16Row(token), count: x.columns)
        }
      }
    }
  }

  /// tableGradient[token] += the rows of dx, of all copies, in the order of the rows. The columns are distributed among the
  /// threads.
  public static func backward(
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
