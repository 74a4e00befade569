/// One thread's scratch for attention's tiles.
struct AttentionScratch<Word: BlockElement> {
  /// [rows, ``stride``]; softmax puts its probabilities, as elements, where the scores were.
  let scores: UnsafeMutablePointer<Float>
  /// Likewise.
  let scoreGradients: UnsafeMutablePointer<Float>
  /// [rows, padded e].
  let outputs: UnsafeMutablePointer<Float>
  let queryGradients: UnsafeMutablePointer<Float>
  let maxima: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Float>
  /// Scores, queries and gradients of outputs downwards.
  let downwardScores: UnsafeMutablePointer<Word>
  let downwardQueries: UnsafeMutablePointer<Word>
  let downwardOutputs: UnsafeMutablePointer<Word>

  static func count(rows: Int, headSize: Int) -> Int {
    let stride = QueryBlock.scoreStride
    let downward = Word.elements == 1 ? 0 : Word.words(rows) * (stride + 2 * headSize)
    return rows * (2 * stride + 2 * headSize + 2) + downward + 4 * vectorWidth
  }

  init(_ start: UnsafeMutablePointer<Float>, rows: Int, headSize: Int) {
    let stride = QueryBlock.scoreStride
    scores = start
    scoreGradients = scores + rows * stride
    outputs = scoreGradients + rows * stride
    queryGradients = outputs + rows * headSize
    maxima = queryGradients + rows * headSize
    sums = maxima + rows
    downwardScores = UnsafeMutableRawPointer(sums + rows).assumingMemoryBound(to: Word.self)
    downwardQueries = downwardScores + Word.words(rows) * stride
    downwardOutputs = downwardQueries + Word.words(rows) * headSize
  }

  /// Nothing has been seen by any row.
  func begin(rows: Int, headSize: Int) {
    outputs.update(repeating: 0, count: rows * headSize)
    sums.update(repeating: 0, count: rows)
    maxima.update(repeating: -.infinity, count: rows)
  }

  /// One row's scores, in place, → powers of two less the running maximum, as elements, zero outside of `from`..<`to`;
  /// earlier sums and outputs are scaled to the new maximum.
  @inline(__always)
  func softmax(
    row: Int, _ scores: UnsafeMutablePointer<Float>, from: Int, to: Int, count: Int, headSize: Int
  ) {
    let probabilities = Word.Row(UnsafeMutableRawPointer(scores))
    let count = Word.words(count) &* Word.elements
    if from >= to {
      probabilities.clear(0..<count)
      return
    }
    var highest = maxima[row]
    let before = highest
    highest = max(highest, maximum(scores, from: from, to: to))
    if before != highest {
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
    sums[row] += powers(scores, into: probabilities, from: from, to: to, less: highest)
    probabilities.clear(outside: from, to, of: count)
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
private func powers<Row: MatrixRow>(
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
