extension MatrixProduct {
  /// Up to so many rows, a product is bound by the memory that the weights come from.
  public static let fewRows = 64

  /// y ← x · wᵀ for few rows, fp32: the weights are read once, where they are, and not packed; x [M, K], w [N, K],
  /// y [M, N].
  public func forwardFewRows(_ y: Matrix, _ x: Matrix, _ w: Matrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    let perPiece = 32
    team.forEach((w.rows + perPiece - 1) / perPiece) { piece, _ in
      let end = min((piece + 1) * perPiece, w.rows)
      var column = piece * perPiece
      while column &+ 4 <= end {
        var row = 0
        while row &+ 4 <= x.rows {
          fourByFour(y, x, w, row, column)
          row &+= 4
        }
        while row < x.rows {
          oneByFour(y, x, w, row, column)
          row &+= 1
        }
        column &+= 4
      }
      while column < end {
        for row in 0..<x.rows { y.row(row)[column] = dot(x.row(row), w.row(column), count: x.columns) }
        column &+= 1
      }
    }
  }

  @inline(__always)
  private func fourByFour(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ row: Int, _ column: Int) {
    let (x0, x1, x2, x3) = (x.row(row), x.row(row &+ 1), x.row(row &+ 2), x.row(row &+ 3))
    let rows = FourRows(w, column)
    var (s0, s1, s2, s3) = (FourSums(), FourSums(), FourSums(), FourSums())
    overVectors(x.columns) { index in
      let weights = rows.vectors(at: index)
      s0.add(x0.vector(at: index), weights)
      s1.add(x1.vector(at: index), weights)
      s2.add(x2.vector(at: index), weights)
      s3.add(x3.vector(at: index), weights)
    } tail: { index in
      let weights = rows.lanes(at: index)
      s0.addTail(x0[index], weights)
      s1.addTail(x1[index], weights)
      s2.addTail(x2[index], weights)
      s3.addTail(x3[index], weights)
    }
    s0.write(y.row(row) + column)
    s1.write(y.row(row &+ 1) + column)
    s2.write(y.row(row &+ 2) + column)
    s3.write(y.row(row &+ 3) + column)
  }

  @inline(__always)
  private func oneByFour(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ row: Int, _ column: Int) {
    let x0 = x.row(row)
    let rows = FourRows(w, column)
    var sums = FourSums()
    overVectors(x.columns) { index in
      sums.add(x0.vector(at: index), rows.vectors(at: index))
    } tail: { index in
      sums.addTail(x0[index], rows.lanes(at: index))
    }
    sums.write(y.row(row) + column)
  }
}

/// Four rows of weights.
private struct FourRows {
  let w0: UnsafeMutablePointer<Float>
  let w1: UnsafeMutablePointer<Float>
  let w2: UnsafeMutablePointer<Float>
  let w3: UnsafeMutablePointer<Float>

  @inline(__always)
  init(_ w: Matrix, _ row: Int) {
    (w0, w1, w2, w3) = (w.row(row), w.row(row &+ 1), w.row(row &+ 2), w.row(row &+ 3))
  }

  @inline(__always)
  func vectors(at index: Int) -> (Vector, Vector, Vector, Vector) {
    (w0.vector(at: index), w1.vector(at: index), w2.vector(at: index), w3.vector(at: index))
  }

  @inline(__always)
  func lanes(at index: Int) -> SIMD4<Float> { SIMD4(w0[index], w1[index], w2[index], w3[index]) }
}

/// Four sums of products.
private struct FourSums {
  private var v0 = Vector.zero
  private var v1 = Vector.zero
  private var v2 = Vector.zero
  private var v3 = Vector.zero
  private var tail = SIMD4<Float>.zero

  @inline(__always)
  mutating func add(_ x: Vector, _ w: (Vector, Vector, Vector, Vector)) {
    v0 = v0.addingProduct(x, w.0)
    v1 = v1.addingProduct(x, w.1)
    v2 = v2.addingProduct(x, w.2)
    v3 = v3.addingProduct(x, w.3)
  }

  @inline(__always)
  mutating func addTail(_ x: Float, _ w: SIMD4<Float>) { tail += w * x }

  @inline(__always)
  func write(_ y: UnsafeMutablePointer<Float>) {
    y[0] = v0.laneSum + tail.x
    y[1] = v1.laneSum + tail.y
    y[2] = v2.laneSum + tail.z
    y[3] = v3.laneSum + tail.w
  }
}
