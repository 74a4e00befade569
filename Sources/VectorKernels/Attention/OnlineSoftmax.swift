import Tensors

#if canImport(Glibc)
  import Glibc
#endif

/// The online softmax of a block of query rows (Milakov and Gimelshein, arXiv 1805.02867): keys arrive tile by tile, and
/// each row keeps its running maximum, the sum of its exponentials and its unnormalized output.
///
/// Exponentials are powers of two: ``HeadShape/queryScale`` includes log₂ e.
struct OnlineSoftmax<Lane: PackedLane> {
  /// One tile's scores, rows ``scoreStride`` floats apart. ``update(_:count:visible:)`` replaces them by probabilities,
  /// stored as elements of the lane's type.
  let scores: UnsafeMutablePointer<Float>
  /// Σ probability · value so far, relative to ``maxima``, [rows, padded e].
  let outputs: UnsafeMutablePointer<Float>
  /// The running maximum of each row's scores.
  let maxima: UnsafeMutablePointer<Float>
  /// The sum of each row's exponentials so far, relative to ``maxima``.
  let sums: UnsafeMutablePointer<Float>
  /// The keys of the current tile that each row sees: from, to.
  private let visible: UnsafeMutablePointer<SIMD2<Int32>>
  /// Padded e, a multiple of ``vectorWidth``.
  let outputStride: Int

  /// Floats between rows of scores: a multiple of ``vectorWidth``, but not a power of two, which would map all rows to the same
  /// cache sets.
  static var scoreStride: Int { KeyTiles.size + vectorWidth }

  /// - Parameter visible: scratch of one element a row.
  init(
    scores: UnsafeMutablePointer<Float>, outputs: UnsafeMutablePointer<Float>, maxima: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>, visible: UnsafeMutablePointer<SIMD2<Int32>>, outputStride: Int
  ) {
    self.scores = scores
    self.outputs = outputs
    self.maxima = maxima
    self.sums = sums
    self.visible = visible
    self.outputStride = outputStride
  }

  /// Starts a block: no row has seen a key.
  func reset(rows: Int) {
    outputs.update(repeating: 0, count: rows * outputStride)
    sums.update(repeating: 0, count: rows)
    maxima.update(repeating: -.infinity, count: rows)
  }

  /// Replaces the tile's scores by 2^(score − running maximum), zero for keys that the row does not see, adds them to the
  /// rows' sums, and rescales earlier sums and outputs to the new maxima.
  ///
  /// - Parameters:
  ///   - rows: the block's rows that the tile covers; the tile's scores start with those of the first.
  ///   - count: the number of keys of the tile.
  ///   - range: the keys of the tile that a row sees, counted from the tile's first; may be empty.
  @inline(__always)
  func update(_ rows: Range<Int>, count: Int, visible range: (_ row: Int) -> (from: Int, to: Int)) {
    // All maxima come first, so that no row's exponentials wait for the end of that row's reduction.
    for row in rows {
      let (from, to) = range(row)
      visible[row] = SIMD2(Int32(truncatingIfNeeded: from), Int32(truncatingIfNeeded: max(from, to)))
      if from < to {
        let scores = scores + (row &- rows.lowerBound) &* Self.scoreStride
        rescale(row, to: maximum(scores, from: from, to: to))
      }
    }
    let count = Lane.lanes(for: count) &* Lane.elements
    for row in rows {
      let (from, to) = (Int(visible[row].x), Int(visible[row].y))
      let scores = scores + (row &- rows.lowerBound) &* Self.scoreStride
      let probabilities = Lane.Row(UnsafeMutableRawPointer(scores))
      if from == to {
        probabilities.clear(0..<count)
      } else {
        sums[row] += exponentials(scores, into: probabilities, from: from, to: to, minus: maxima[row])
        probabilities.clear(outside: from, to, of: count)
      }
    }
  }

  /// Raises a row's running maximum to `highest`, if that is larger, and rescales the row's sum and output.
  @inline(__always)
  private func rescale(_ row: Int, to highest: Float) {
    let before = maxima[row]
    if before >= highest { return }
    let factor = before == -.infinity ? 0 : powerOfTwo(before - highest)
    maxima[row] = highest
    sums[row] *= factor
    let output = outputs + row &* outputStride
    var column = 0
    while column < outputStride {
      output.store(output.vector(at: column) * factor, at: column)
      column &+= vectorWidth
    }
  }

  /// target [headSize] ← a row's output divided by its sum.
  @inline(__always)
  func write<Row: MatrixRow>(_ target: Row, row: Int, headSize: Int) {
    let factor = 1 / sums[row]
    let source = outputs + row &* outputStride
    overVectors(headSize) { column in
      target.store(source.vector(at: column) * factor, at: column)
    } tail: { column in
      target[column] = source[column] * factor
    }
  }

  /// log₂ Σ 2^score of a row.
  @inline(__always)
  func logSumExp(_ row: Int) -> Float { maxima[row] + log2(sums[row]) }
}

// MARK: - Rows of scores

/// The largest of x[from..<to]; reads up to a vector beyond.
@inline(__always)
private func maximum(_ x: UnsafePointer<Float>, from: Int, to: Int) -> Float {
  var highest = Vector(repeating: -.infinity)
  var index = from
  while index &+ vectorWidth <= to {
    let value = x.vector(at: index)
    highest = highest.replacing(with: value, where: value .> highest)
    index &+= vectorWidth
  }
  if index < to {
    let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
    let value = x.vector(at: index).replacing(with: -.infinity, where: beyond)
    highest = highest.replacing(with: value, where: value .> highest)
  }
  return highest.laneMaximum
}

/// result[from..<to] ← 2^(x − highest); returns their sum before rounding. Sets up to a vector beyond to zero.
///
/// The result may overwrite x, because an element is no wider than a float.
@inline(__always)
private func exponentials<Row: MatrixRow>(
  _ x: UnsafePointer<Float>, into result: Row, from: Int, to: Int, minus highest: Float
) -> Float {
  var sums = Vector.zero
  var index = from
  while index &+ vectorWidth <= to {
    let value = powerOfTwo(x.vector(at: index) - highest)
    result.store(value, at: index)
    sums += value
    index &+= vectorWidth
  }
  if index < to {
    let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
    let value = powerOfTwo(x.vector(at: index) - highest).replacing(with: 0, where: beyond)
    result.store(value, at: index)
    sums += value
  }
  return sums.laneSum
}

extension MatrixRow {
  /// Sets the elements of 0..<count outside `from`..<`to` to zero.
  @inline(__always)
  func clear(outside from: Int, _ to: Int, of count: Int) {
    if from > 0 { clear(0..<min(from, count)) }
    if to < count { clear(to..<count) }
  }
}
