import Foundation

/// A dense row-major matrix of doubles. The functions below are the operations of a block, each forward operation
/// followed by its backward operation.
struct Matrix: Sendable {
  let rows: Int
  let columns: Int
  var values: [Double]

  init(rows: Int, columns: Int, values: [Double]) {
    precondition(values.count == rows * columns, "a matrix [\(rows), \(columns)] has \(rows * columns) values")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  init(zeros rows: Int, _ columns: Int) {
    self.init(rows: rows, columns: columns, values: [Double](repeating: 0, count: rows * columns))
  }

  subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// The matrix as a list of its rows.
  var nested: [[Double]] { (0..<rows).map { Array(values[$0 * columns..<($0 + 1) * columns]) } }

  static func + (left: Matrix, right: Matrix) -> Matrix {
    precondition(left.rows == right.rows && left.columns == right.columns, "a sum needs matrices of the same shape")
    return Matrix(rows: left.rows, columns: left.columns, values: zip(left.values, right.values).map { $0 + $1 })
  }
}

/// y = x Wᵀ. x [R, in], W [out, in], y [R, out].
func linear(_ x: Matrix, _ weight: Matrix) -> Matrix {
  precondition(x.columns == weight.columns, "x [R, in] and W [out, in] need the same number of columns")
  var y = Matrix(zeros: x.rows, weight.rows)
  for r in 0..<x.rows {
    for o in 0..<weight.rows {
      var sum = 0.0
      for i in 0..<x.columns { sum += x[r, i] * weight[o, i] }
      y[r, o] = sum
    }
  }
  return y
}

/// dx = dy W, dW = dyᵀ x.
func linearBackward(_ dy: Matrix, _ x: Matrix, _ weight: Matrix) -> (dx: Matrix, dWeight: Matrix) {
  var dx = Matrix(zeros: x.rows, x.columns)
  var dWeight = Matrix(zeros: weight.rows, weight.columns)
  for r in 0..<x.rows {
    for o in 0..<weight.rows {
      let d = dy[r, o]
      for i in 0..<x.columns {
        dx[r, i] += d * weight[o, i]
        dWeight[o, i] += d * x[r, i]
      }
    }
  }
  return (dx, dWeight)
}

/// y = w ⊙ x / sqrt(mean(x²) + eps), for each row of x [R, n], with weight w [1, n].
func rmsNorm(_ x: Matrix, _ weight: Matrix, epsilon: Double) -> Matrix {
  var y = x
  for r in 0..<x.rows {
    let scale = inverseRootMeanSquare(x, row: r, epsilon: epsilon)
    for c in 0..<x.columns { y[r, c] = weight[0, c] * x[r, c] * scale }
  }
  return y
}

/// With s = 1 / sqrt(mean(x²) + eps): dx = s·(w ⊙ dy) − s³·x·mean(w ⊙ dy ⊙ x), dw = Σ_rows dy ⊙ x·s.
func rmsNormBackward(_ dy: Matrix, _ x: Matrix, _ weight: Matrix, epsilon: Double) -> (dx: Matrix, dWeight: Matrix) {
  var dx = Matrix(zeros: x.rows, x.columns)
  var dWeight = Matrix(zeros: 1, x.columns)
  for r in 0..<x.rows {
    let scale = inverseRootMeanSquare(x, row: r, epsilon: epsilon)
    var mean = 0.0
    for c in 0..<x.columns { mean += weight[0, c] * dy[r, c] * x[r, c] }
    mean /= Double(x.columns)
    for c in 0..<x.columns {
      dx[r, c] = scale * weight[0, c] * dy[r, c] - scale * scale * scale * x[r, c] * mean
      dWeight[0, c] += dy[r, c] * x[r, c] * scale
    }
  }
  return (dx, dWeight)
}

private func inverseRootMeanSquare(_ x: Matrix, row: Int, epsilon: Double) -> Double {
  var sum = 0.0
  for c in 0..<x.columns { sum += x[row, c] * x[row, c] }
  return 1 / (sum / Double(x.columns) + epsilon).squareRoot()
}

/// Rotates the pairs (z_c, z_{c+e/2}) of every head of e columns by the angle n·θ^(−2c/e), n the row's position.
/// The backward operation is the rotation by the negative angle.
func rope(_ z: Matrix, headSize: Int, theta: Double, backward: Bool = false, position: (_ row: Int) -> Int) -> Matrix {
  var rotated = z
  let half = headSize / 2
  for r in 0..<z.rows {
    for c in 0..<half {
      let angle = Double(position(r)) * pow(theta, -2 * Double(c) / Double(headSize))
      let (cosine, sine) = (cos(angle), backward ? -sin(angle) : sin(angle))
      for head in stride(from: 0, to: z.columns, by: headSize) {
        let (first, second) = (z[r, head + c], z[r, head + c + half])
        rotated[r, head + c] = first * cosine - second * sine
        rotated[r, head + c + half] = second * cosine + first * sine
      }
    }
  }
  return rotated
}

/// silu(gate) ⊙ up, with silu(z) = z·σ(z). All [R, f].
func swiGLU(gate: Matrix, up: Matrix) -> Matrix {
  Matrix(
    rows: gate.rows, columns: gate.columns,
    values: zip(gate.values, up.values).map { gate, up in gate * sigmoid(gate) * up })
}

/// dgate = dy ⊙ up ⊙ σ(gate)·(1 + gate·(1 − σ(gate))), dup = dy ⊙ silu(gate).
func swiGLUBackward(_ dy: Matrix, gate: Matrix, up: Matrix) -> (dGate: Matrix, dUp: Matrix) {
  var dGate = gate
  var dUp = up
  for index in dy.values.indices {
    let (d, z) = (dy.values[index], gate.values[index])
    dGate.values[index] = d * up.values[index] * sigmoid(z) * (1 + z * (1 - sigmoid(z)))
    dUp.values[index] = d * z * sigmoid(z)
  }
  return (dGate, dUp)
}

private func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }

/// log Σ exp(x), computed without overflow.
func logSumExp(_ x: [Double]) -> Double {
  let largest = x.max() ?? 0
  return largest + log(x.reduce(0) { $0 + exp($1 - largest) })
}
