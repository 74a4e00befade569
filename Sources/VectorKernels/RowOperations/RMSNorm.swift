import Tensors

/// The implementation of ``RMSNormKernel``.
enum RMSNorm: RMSNormKernel {
  static func forward(
    _ y: Matrix, _ x: Matrix, weight: UnsafePointer<Float>, epsilon: Float, residual: Matrix?,
    on team: ThreadTeam
  ) {
    precondition(
      x.rows == y.rows && x.columns == y.columns && y.type == .fp32 && residual?.type ?? .fp32 == .fp32,
      "x \(x), y \(y), residual \(String(describing: residual))")
    switch x.type {
    case .fp32: forward(FloatRow.self, y, x, weight, epsilon, residual, team)
    case .bf16: forward(BF16Row.self, y, x, weight, epsilon, residual, team)
    }
  }

  @inline(__always)
  private static func forward<Row: MatrixRow>(
    _: Row.Type, _ y: Matrix, _ x: Matrix, _ weight: UnsafePointer<Float>, _ epsilon: Float, _ residual: Matrix?,
    _ team: ThreadTeam
  ) {
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      for row in Rows.range(piece, of: x.rows) {
        let source = Row(x, row)
        let scale = inverseRMS(source, count: x.columns, epsilon: epsilon)
        if let residual {
          addScaled(y.row(row), residual.row(row), source, weight, scale: scale, count: x.columns)
        } else {
          writeScaled(y.row(row), source, weight, scale: scale, count: x.columns)
        }
      }
    }
  }

  static func backward(
    inPlace x: Matrix, dy: Matrix, weight: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
    epsilon: Float, sums: RowSums, on team: ThreadTeam
  ) {
    precondition(x.rows == dy.rows && x.columns == dy.columns && dy.type == .fp32, "x \(x), dy \(dy)")
    switch x.type {
    case .fp32: backward(FloatRow.self, x, dy, weight, epsilon, sums, team)
    case .bf16: backward(BF16Row.self, x, dy, weight, epsilon, sums, team)
    }
    sums.add(to: weightGradient, rows: x.rows, columns: x.columns)
  }

  static func backward(
    addingTo dx: Matrix, _ x: Matrix, dy: Matrix, weight: UnsafePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>, epsilon: Float, sums: RowSums, on team: ThreadTeam
  ) {
    precondition(
      x.rows == dy.rows && x.columns == dy.columns && x.rows == dx.rows && x.columns == dx.columns
        && x.type == .fp32 && dx.type == .fp32 && dy.type == .fp32, "dx \(dx), x \(x), dy \(dy)")
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      let partial = sums.zeroed(piece: piece, columns: x.columns)
      for row in Rows.range(piece, of: x.rows) {
        gradient(
          FloatRow(dx, row), x: FloatRow(x, row), dy: dy.row(row), weight: weight, weightSum: partial,
          count: x.columns, epsilon: epsilon, accumulating: true)
      }
    }
    sums.add(to: weightGradient, rows: x.rows, columns: x.columns)
  }

  @inline(__always)
  private static func backward<Row: MatrixRow>(
    _: Row.Type, _ x: Matrix, _ dy: Matrix, _ weight: UnsafePointer<Float>, _ epsilon: Float, _ sums: RowSums,
    _ team: ThreadTeam
  ) {
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      let partial = sums.zeroed(piece: piece, columns: x.columns)
      for row in Rows.range(piece, of: x.rows) {
        gradient(
          Row(x, row), x: Row(x, row), dy: dy.row(row), weight: weight, weightSum: partial, count: x.columns,
          epsilon: epsilon)
      }
    }
  }

  /// 1 / sqrt(mean(x²) + ε).
  @inline(__always)
  static func inverseRMS<Row: MatrixRow>(_ x: Row, count: Int, epsilon: Float) -> Float {
    var squares = Vector.zero
    var square: Float = 0
    overVectors(count) { column in
      let value = x.vector(at: column)
      squares = squares.adding(value, times: value)
    } tail: { column in
      square += x[column] * x[column]
    }
    return 1 / ((squares.laneSum + square) / Float(count) + epsilon).squareRoot()
  }

  /// Writes or adds dx of one row, and adds to the sum of dw. With r = 1/rms: dx = r·w⊙dy − x·r³·Σ(w⊙dy⊙x)/n, dw += r·dy⊙x.
  ///
  /// dx may be x, or dy if both are fp32.
  @inline(__always)
  static func gradient<Row: MatrixRow>(
    _ dx: Row, x: Row, dy: UnsafePointer<Float>, weight: UnsafePointer<Float>,
    weightSum: UnsafeMutablePointer<Float>, count: Int, epsilon: Float, accumulating: Bool = false
  ) {
    var squares = Vector.zero
    var products = Vector.zero
    var square: Float = 0
    var product: Float = 0
    overVectors(count) { column in
      let value = x.vector(at: column)
      squares = squares.adding(value, times: value)
      products = products.adding(value * weight.vector(at: column), times: dy.vector(at: column))
    } tail: { column in
      square += x[column] * x[column]
      product += x[column] * weight[column] * dy[column]
    }
    let scale = 1 / ((squares.laneSum + square) / Float(count) + epsilon).squareRoot()
    let back = -(products.laneSum + product) * scale * scale * scale / Float(count)
    overVectors(count) { column in
      let value = x.vector(at: column)
      let upstream = dy.vector(at: column) * scale
      weightSum.store(weightSum.vector(at: column).adding(upstream, times: value), at: column)
      let gradient = (value * back).adding(upstream, times: weight.vector(at: column))
      dx.store(accumulating ? dx.vector(at: column) + gradient : gradient, at: column)
    } tail: { column in
      let value = x[column]
      let upstream = dy[column] * scale
      weightSum[column] += upstream * value
      let gradient = value * back + upstream * weight[column]
      dx[column] = accumulating ? dx[column] + gradient : gradient
    }
  }

  @inline(__always)
  private static func writeScaled<Row: MatrixRow>(
    _ y: UnsafeMutablePointer<Float>, _ x: Row, _ weight: UnsafePointer<Float>, scale: Float, count: Int
  ) {
    overVectors(count) { column in
      y.store(x.vector(at: column) * scale * weight.vector(at: column), at: column)
    } tail: { column in
      y[column] = x[column] * scale * weight[column]
    }
  }

  @inline(__always)
  private static func addScaled<Row: MatrixRow>(
    _ y: UnsafeMutablePointer<Float>, _ residual: UnsafePointer<Float>, _ x: Row, _ weight: UnsafePointer<Float>,
    scale: Float, count: Int
  ) {
    overVectors(count) { column in
      let normed = x.vector(at: column) * scale
      y.store(residual.vector(at: column).adding(normed, times: weight.vector(at: column)), at: column)
    } tail: { column in
      y[column] = residual[column] + x[column] * scale * weight[column]
    }
  }
}
