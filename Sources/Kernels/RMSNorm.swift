/// RMSNorm(x) = w ⊙ x / sqrt(mean(x²) + ε), row by row (Zhang and Sennrich, arXiv 1910.07467).
public enum RMSNorm {
  /// y ← RMSNorm(x), plus `residual` where there is one; x, y and residual [rows, columns], weight [columns].
  public static func forward(
    _ y: Matrix, _ x: Matrix, weight: UnsafePointer<Float>, epsilon: Float, residual: Matrix? = nil,
    on team: ThreadTeam
  ) {
    precondition(x.rows == y.rows && x.columns == y.columns, "x \(x), y \(y)")
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      for row in Rows.range(piece, of: x.rows) {
        let scale = inverseRMS(x.row(row), count: x.columns, epsilon: epsilon)
        if let residual {
          addScaled(y.row(row), residual.row(row), x.row(row), weight, scale: scale, count: x.columns)
        } else {
          writeScaled(y.row(row), x.row(row), weight, scale: scale, count: x.columns)
        }
      }
    }
  }

  /// x ← the gradient of x, given `dy`, the gradient of RMSNorm(x); weightGradient += that of the weight.
  ///
  /// The input is needed no more after this, so its gradient takes its place.
  public static func backward(
    inPlace x: Matrix, dy: Matrix, weight: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
    epsilon: Float, sums: RowSums, on team: ThreadTeam
  ) {
    precondition(x.rows == dy.rows && x.columns == dy.columns, "x \(x), dy \(dy)")
    team.forEach(Rows.pieces(x.rows)) { piece, _ in
      let partial = sums.begin(piece: piece, columns: x.columns)
      for row in Rows.range(piece, of: x.rows) {
        gradient(
          x.row(row), x: x.row(row), dy: dy.row(row), weight: weight, weightSum: partial, count: x.columns,
          epsilon: epsilon)
      }
    }
    sums.add(to: weightGradient, rows: x.rows, columns: x.columns)
  }

  /// 1 / sqrt(mean(x²) + ε).
  @inline(__always)
  static func inverseRMS(_ x: UnsafePointer<Float>, count: Int, epsilon: Float) -> Float {
    1 / (dot(x, x, count: count) / Float(count) + epsilon).squareRoot()
  }

  /// dx of one row; dx may be x or dy. With r = 1/rms: dx = r·w⊙dy − x·r³·Σ(w⊙dy⊙x)/n, dw += r·dy⊙x.
  @inline(__always)
  static func gradient(
    _ dx: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, dy: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, weightSum: UnsafeMutablePointer<Float>, count: Int, epsilon: Float
  ) {
    var squares = Vector.zero
    var products = Vector.zero
    var column = 0
    while column &+ vectorWidth <= count {
      let value = x.vector(at: column)
      squares = squares.addingProduct(value, value)
      products = products.addingProduct(value * weight.vector(at: column), dy.vector(at: column))
      column &+= vectorWidth
    }
    var square = squares.laneSum
    var product = products.laneSum
    while column < count {
      square += x[column] * x[column]
      product += x[column] * weight[column] * dy[column]
      column &+= 1
    }
    let scale = 1 / (square / Float(count) + epsilon).squareRoot()
    let back = -product * scale * scale * scale / Float(count)
    column = 0
    while column &+ vectorWidth <= count {
      let value = x.vector(at: column)
      let upstream = dy.vector(at: column) * scale
      weightSum.store(weightSum.vector(at: column).addingProduct(upstream, value), at: column)
      dx.store((value * back).addingProduct(upstream, weight.vector(at: column)), at: column)
      column &+= vectorWidth
    }
    while column < count {
      let value = x[column]
      let upstream = dy[column] * scale
      weightSum[column] += upstream * value
      dx[column] = value * back + upstream * weight[column]
      column &+= 1
    }
  }

  @inline(__always)
  private static func writeScaled(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, scale: Float,
    count: Int
  ) {
    var column = 0
    while column &+ vectorWidth <= count {
      y.store(x.vector(at: column) * scale * weight.vector(at: column), at: column)
      column &+= vectorWidth
    }
    while column < count {
      y[column] = x[column] * scale * weight[column]
      column &+= 1
    }
  }

  @inline(__always)
  private static func addScaled(
    _ y: UnsafeMutablePointer<Float>, _ residual: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    _ weight: UnsafePointer<Float>, scale: Float, count: Int
  ) {
    var column = 0
    while column &+ vectorWidth <= count {
      let normed = x.vector(at: column) * scale
      y.store(residual.vector(at: column).addingProduct(normed, weight.vector(at: column)), at: column)
      column &+= vectorWidth
    }
    while column < count {
      y[column] = residual[column] + x[column] * scale * weight[column]
      column &+= 1
    }
  }
}

/// Σ a·b over `count` floats, in a fixed order.
@inline(__always)
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
  var sums = Vector.zero
  var index = 0
  while index &+ vectorWidth <= count {
    sums = sums.addingProduct(a.vector(at: index), b.vector(at: index))
    index &+= vectorWidth
  }
  var sum = sums.laneSum
  while index < count {
    sum += a[index] * b[index]
    index &+= 1
  }
  return sum
}
