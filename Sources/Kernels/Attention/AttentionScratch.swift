/// One thread's scratch for attention's tiles.
struct AttentionScratch<Lane: PackedLane> {
  /// [rows, ``stride``]; softmax puts its probabilities, as elements, where the scores were.
  let scores: UnsafeMutablePointer<Float>
  /// Likewise.
  let scoreGradients: UnsafeMutablePointer<Float>
  /// [rows, padded e].
  let outputs: UnsafeMutablePointer<Float>
  let queryGradients: UnsafeMutablePointer<Float>
  let maxima: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Float>
  /// The keys of a tile that each row sees: from, to.
  private let visible: UnsafeMutablePointer<SIMD2<Int32>>
  /// Scores, queries and gradients of outputs downwards.
  let interleavedScores: UnsafeMutablePointer<Lane>
  let interleavedQueries: UnsafeMutablePointer<Lane>
  let interleavedOutputs: UnsafeMutablePointer<Lane>

  static func count(rows: Int, headSize: Int) -> Int {
    let stride = QueryBlock.scoreStride
    let interleaved = Lane.elements == 1 ? 0 : Lane.lanes(for: rows) * (stride + 2 * headSize)
    return rows * (2 * stride + 2 * headSize + 4) + interleaved + 4 * vectorWidth
  }

  init(_ start: UnsafeMutablePointer<Float>, rows: Int, headSize: Int) {
    let stride = QueryBlock.scoreStride
    scores = start
    scoreGradients = scores + rows * stride
    outputs = scoreGradients + rows * stride
    queryGradients = outputs + rows * headSize
    maxima = queryGradients + rows * headSize
    sums = maxima + rows
    visible = UnsafeMutableRawPointer(sums + rows).assumingMemoryBound(to: SIMD2<Int32>.self)
    interleavedScores = UnsafeMutableRawPointer(visible + rows).assumingMemoryBound(to: Lane.self)
    interleavedQueries = interleavedScores + Lane.lanes(for: rows) * stride
    interleavedOutputs = interleavedQueries + Lane.lanes(for: rows) * headSize
  }

  /// Nothing has been seen by any row.
  func reset(rows: Int, headSize: Int) {
    outputs.update(repeating: 0, count: rows * headSize)
    sums.update(repeating: 0, count: rows)
    maxima.update(repeating: -.infinity, count: rows)
  }

  /// Scores of `rows`, the first row's first, in place → powers of two less each row's running maximum, as elements,
  /// zero where a row does not see a key; earlier sums and outputs are scaled to the new maxima.
  ///
  /// - Parameter visible: the keys that a row sees, of `count`; may be empty.
  @inline(__always)
  func softmax(
    _ rows: Range<Int>, count: Int, headSize: Int, visible range: (_ row: Int) -> (from: Int, to: Int)
  ) {
    // All maxima first: so no row's powers wait for the end of a row's reduction.
    for row in rows {
      let (from, to) = range(row)
      visible[row] = SIMD2(Int32(truncatingIfNeeded: from), Int32(truncatingIfNeeded: max(from, to)))
      if from < to {
        let scores = scores + (row &- rows.lowerBound) &* QueryBlock.scoreStride
        rescale(row, to: maximum(scores, from: from, to: to), headSize: headSize)
      }
    }
    let count = Lane.lanes(for: count) &* Lane.elements
    for row in rows {
      let (from, to) = (Int(visible[row].x), Int(visible[row].y))
      let scores = scores + (row &- rows.lowerBound) &* QueryBlock.scoreStride
      let probabilities = Lane.Row(UnsafeMutableRawPointer(scores))
      if from == to {
        probabilities.clear(0..<count)
      } else {
        sums[row] += exponentials(scores, into: probabilities, from: from, to: to, less: maxima[row])
        probabilities.clear(outside: from, to, of: count)
      }
    }
  }

  /// A row's running maximum, and what has been summed up so far less the old one.
  @inline(__always)
  private func rescale(_ row: Int, to highest: Float, headSize: Int) {
    let before = maxima[row]
    if before >= highest { return }
    let factor = before == -.infinity ? 0 : exp2(before - highest)
    maxima[row] = highest
    sums[row] *= factor
    let output = outputs + row &* headSize
    var column = 0
    while column < headSize {
      output.store(output.vector(at: column) * factor, at: column)
      column &+= vectorWidth
    }
  }

  /// One row's output, divided by its sum, → `target` [headSize].
  @inline(__always)
  func write<Row: MatrixRow>(_ target: Row, row: Int, headSize: Int) {
    let factor = 1 / sums[row]
    let source = outputs + row &* ((headSize &+ vectorWidth &- 1) / vectorWidth &* vectorWidth)
    overVectors(headSize) { column in
      target.store(source.vector(at: column) * factor, at: column)
    } tail: { column in
      target[column] = source[column] * factor
    }
  }
}

// MARK: rows of scores

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

/// result[from..<to] ← 2^(x − highest); their sum, unrounded. Up to a vector beyond is set to zero.
///
/// The result may be where x is: an element is no wider than a float.
@inline(__always)
private func exponentials<Row: MatrixRow>(
  _ x: UnsafePointer<Float>, into result: Row, from: Int, to: Int, less highest: Float
) -> Float {
  var sums = Vector.zero
  var index = from
  while index &+ vectorWidth <= to {
    let value = exp2(x.vector(at: index) - highest)
    result.store(value, at: index)
    sums += value
    index &+= vectorWidth
  }
  if index < to {
    let beyond = laneIndices .>= Vector(repeating: Float(to &- index))
    let value = exp2(x.vector(at: index) - highest).replacing(with: 0, where: beyond)
    result.store(value, at: index)
    sums += value
  }
  return sums.laneSum
}

extension MatrixRow {
  /// This ← 0 in 0..<from and to..<count.
  @inline(__always)
  func clear(outside from: Int, _ to: Int, of count: Int) {
    if from > 0 { clear(0..<min(from, count)) }
    if to < count { clear(to..<count) }
  }
}
