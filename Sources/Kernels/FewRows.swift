import CProcessor

extension MatrixProduct {
  /// Up to so many rows, packing the weights would take longer than the product.
  public static let fewRows = 64

  /// y ← x · wᵀ for few rows, fp32: the weights are read once, where they are, and not packed; x [M, K], w [N, K],
  /// y [M, N].
  public func forwardFewRows(_ y: Matrix, _ x: Matrix, _ w: Matrix) {
    precondition(y.rows == x.rows && x.columns == w.columns && y.columns == w.rows, "y \(y), x \(x), w \(w)")
    let perPiece = 32
    team.forEach((w.rows + perPiece - 1) / perPiece) { piece, _ in
      let columns = piece * perPiece..<min((piece + 1) * perPiece, w.rows)
      if x.rows <= MatrixProduct.rowsAtOnce { inTurn(y, x, w, columns) } else { inTiles(y, x, w, columns) }
    }
  }

  /// Up to so many rows, the weights are gone through from end to end, as memory gives them fastest.
  private static var rowsAtOnce: Int { 8 }

  /// How many floats ahead of their use weights are asked for: the processor's own prefetcher falls behind where other
  /// rows are read between.
  private static var ahead: Int { 512 }

  /// One weight row after the other, each with all rows of x.
  private func inTurn(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ columns: Range<Int>) {
    for column in columns {
      if x.rows > 4 {
        oneByEight(y, x, w, column)
      } else if x.rows > 2 {
        oneByFour(y, x, w, column)
      } else {
        for row in 0..<x.rows { y.row(row)[column] = dotByFour(w.row(column), x.row(row), count: x.columns) }
      }
    }
  }

  /// A weight row with up to four rows of x; where there are fewer, the last several times.
  @inline(__always)
  private func oneByFour(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ column: Int) {
    let rows = FourRows(x, 0)
    let weights = w.row(column)
    var sums = FourSums()
    overVectors(x.columns) { index in
      phd_prefetch(weights + index + MatrixProduct.ahead)
      sums.add(weights.vector(at: index), rows.vectors(at: index))
    } tail: { index in
      sums.addTail(weights[index], rows.lanes(at: index))
    }
    FourRows(y, 0).write(sums, at: column)
  }

  /// A weight row with five to eight rows of x, likewise.
  @inline(__always)
  private func oneByEight(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ column: Int) {
    let (first, second) = (FourRows(x, 0), FourRows(x, 4))
    let weights = w.row(column)
    var (s0, s1) = (FourSums(), FourSums())
    overVectors(x.columns) { index in
      phd_prefetch(weights + index + MatrixProduct.ahead)
      let values = weights.vector(at: index)
      s0.add(values, first.vectors(at: index))
      s1.add(values, second.vectors(at: index))
    } tail: { index in
      s0.addTail(weights[index], first.lanes(at: index))
      s1.addTail(weights[index], second.lanes(at: index))
    }
    FourRows(y, 0).write(s0, at: column)
    FourRows(y, 4).write(s1, at: column)
  }

  /// Σ a·b, four vectors at a time: one sum would wait for itself.
  @inline(__always)
  private func dotByFour(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sums = FourSums()
    var index = 0
    while index &+ 4 &* vectorWidth <= count {
      sums.addProducts(a + index, b + index)
      index &+= 4 &* vectorWidth
    }
    return sums.total + dot(a + index, b + index, count: count &- index)
  }

  /// Four weight rows with four rows of x at a time: less to load for each product.
  private func inTiles(_ y: Matrix, _ x: Matrix, _ w: Matrix, _ columns: Range<Int>) {
    var column = columns.lowerBound
    while column &+ 4 <= columns.upperBound {
      var row = 0
      while row &+ 4 <= x.rows {
        fourByFour(y, x, w, row, column)
        row &+= 4
      }
      while row < x.rows {
        for next in column..<column &+ 4 {
          y.row(row)[next] = dotByFour(w.row(next), x.row(row), count: x.columns)
        }
        row &+= 1
      }
      column &+= 4
    }
    while column < columns.upperBound {
      for row in 0..<x.rows { y.row(row)[column] = dotByFour(w.row(column), x.row(row), count: x.columns) }
      column &+= 1
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
    let place = y.row(row) + column
    place.store(s0.totals)
    (place + y.stride).store(s1.totals)
    (place + 2 &* y.stride).store(s2.totals)
    (place + 3 &* y.stride).store(s3.totals)
  }
}

/// Four rows of a matrix, from `row` on; beyond the last, the last once more.
private struct FourRows {
  let r0: UnsafeMutablePointer<Float>
  let r1: UnsafeMutablePointer<Float>
  let r2: UnsafeMutablePointer<Float>
  let r3: UnsafeMutablePointer<Float>

  @inline(__always)
  init(_ matrix: Matrix, _ row: Int) {
    let last = matrix.rows &- 1
    r0 = matrix.row(min(row, last))
    r1 = matrix.row(min(row &+ 1, last))
    r2 = matrix.row(min(row &+ 2, last))
    r3 = matrix.row(min(row &+ 3, last))
  }

  @inline(__always)
  func vectors(at index: Int) -> (Vector, Vector, Vector, Vector) {
    (r0.vector(at: index), r1.vector(at: index), r2.vector(at: index), r3.vector(at: index))
  }

  @inline(__always)
  func lanes(at index: Int) -> SIMD4<Float> { SIMD4(r0[index], r1[index], r2[index], r3[index]) }

  @inline(__always)
  func write(_ sums: FourSums, at index: Int) {
    let totals = sums.totals
    r0[index] = totals.x
    r1[index] = totals.y
    r2[index] = totals.z
    r3[index] = totals.w
  }
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

  /// Adds the products of four vectors of each.
  @inline(__always)
  mutating func addProducts(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) {
    v0 = v0.addingProduct(a.vector(at: 0), b.vector(at: 0))
    v1 = v1.addingProduct(a.vector(at: vectorWidth), b.vector(at: vectorWidth))
    v2 = v2.addingProduct(a.vector(at: 2 &* vectorWidth), b.vector(at: 2 &* vectorWidth))
    v3 = v3.addingProduct(a.vector(at: 3 &* vectorWidth), b.vector(at: 3 &* vectorWidth))
  }

  @inline(__always)
  var total: Float { ((v0 + v1) + (v2 + v3)).laneSum }

  /// Each sum.
  @inline(__always)
  var totals: SIMD4<Float> { SIMD4(v0.laneSum, v1.laneSum, v2.laneSum, v3.laneSum) + tail }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always)
  fileprivate func store(_ four: SIMD4<Float>) {
    UnsafeMutableRawPointer(self).storeBytes(of: four, as: SIMD4<Float>.self)
  }
}
