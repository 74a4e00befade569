extension MatrixProduct {
  /// The rate of matrix products, in operations a second, that this team reaches on a layer's forward product: the
  /// best of several, some hundredths of a second in all.
  ///
  /// - Parameter seconds: a clock.
  public static func measurePeak(
    rows: Int, inner: Int, columns: Int, on team: ThreadTeam, seconds: () -> Double
  ) -> Double {
    let memory = Buffer(count: rows * inner + columns * inner + rows * columns)
    for index in 0..<(rows + columns) * inner { memory.pointer[index] = Float(index % 13) * 0.1 }
    let x = Matrix(memory.pointer, rows: rows, columns: inner)
    let w = Matrix(memory.pointer + rows * inner, rows: columns, columns: inner)
    let y = Matrix(memory.pointer + (rows + columns) * inner, rows: rows, columns: columns)
    let operations = 2 * Double(rows) * Double(inner) * Double(columns)
    var best = 0.0
    let start = seconds()
    var before = start
    var rounds = 0
    while rounds < 3 || before - start < 0.05 {
      forward(y, x, w, segment: rows, on: team)
      let now = seconds()
      best = max(best, operations / max(now - before, 1e-9))
      before = now
      rounds += 1
    }
    return best
  }
}
