import Tensors

#if canImport(Glibc)
  import Glibc
#endif

/// The implementation of ``CrossEntropyKernel``.
enum CrossEntropy: CrossEntropyKernel {
  static func rows(
    _ logits: Matrix, targets: UnsafePointer<Int32>, losses: UnsafeMutablePointer<Float>,
    logSumExps: UnsafeMutablePointer<Float>, gradient: Matrix?, zWeight: Float, on team: ThreadTeam
  ) {
    let width = logits.columns
    precondition(gradient.map { $0.rows == logits.rows && $0.columns == width } ?? true, "\(logits)")
    let rowsPerPiece = 4
    team.forEach((logits.rows + rowsPerPiece - 1) / rowsPerPiece) { piece, _ in
      for index in piece * rowsPerPiece..<min((piece + 1) * rowsPerPiece, logits.rows) {
        let row = logits.row(index)
        let target = Int(targets[index])
        if target < 0 {
          (losses[index], logSumExps[index]) = (0, 0)
          gradient?.rows(index..<index + 1).clear()
          continue
        }
        let targetLogit = row[target]
        let highest = maximum(row, count: width)
        let sum = gradient == nil ? expSum(row, minus: highest, count: width) : expInPlace(row, highest, count: width)
        // The highest logit is subtracted separately, so the loss is accurate if p is near 1.
        let logSum = log(sum)
        losses[index] = logSum - (targetLogit - highest)
        logSumExps[index] = highest + logSum
        if let gradient {
          let factor = (1 + 2 * zWeight * (highest + logSum)) / sum
          let targetGradient = row[target] * factor - 1
          switch gradient.type {
          case .fp32: scale(FloatRow(gradient, index), row, by: factor, count: width, target, targetGradient)
          case .bf16: scale(BF16Row(gradient, index), row, by: factor, count: width, target, targetGradient)
          }
        }
      }
    }
  }

  static func logSumExp(_ row: UnsafeBufferPointer<Float>) -> (highest: Float, logSum: Float) {
    guard let first = row.baseAddress else { return (0, 0) }
    let highest = maximum(first, count: row.count)
    return (highest, log(expSum(first, minus: highest, count: row.count)))
  }

  static func maximum(_ row: UnsafePointer<Float>, count: Int) -> Float {
    var highest = -Float.infinity
    var vectors = Vector(repeating: -.infinity)
    overVectors(count) { column in
      let value = row.vector(at: column)
      vectors = vectors.replacing(with: value, where: value .> vectors)
    } tail: { column in
      highest = max(highest, row[column])
    }
    return max(highest, vectors.laneMaximum)
  }

  static func expSum(_ row: UnsafePointer<Float>, minus highest: Float, count: Int) -> Float {
    var sums = Vector.zero
    var sum: Float = 0
    overVectors(count) { column in
      sums += powerOfTwo((row.vector(at: column) - highest) * log2e)
    } tail: { column in
      sum += powerOfTwo((row[column] - highest) * log2e)
    }
    return sums.laneSum + sum
  }

  private static func expInPlace(_ row: UnsafeMutablePointer<Float>, _ highest: Float, count: Int) -> Float {
    var sums = Vector.zero
    var sum: Float = 0
    overVectors(count) { column in
      let value = powerOfTwo((row.vector(at: column) - highest) * log2e)
      row.store(value, at: column)
      sums += value
    } tail: { column in
      let value = powerOfTwo((row[column] - highest) * log2e)
      row[column] = value
      sum += value
    }
    return sums.laneSum + sum
  }

  /// result ← row · factor, except result[target] ← targetGradient.
  @inline(__always)
  private static func scale<Row: MatrixRow>(
    _ result: Row, _ row: UnsafePointer<Float>, by factor: Float, count: Int, _ target: Int, _ targetGradient: Float
  ) {
    overVectors(count) { column in
      result.store(row.vector(at: column) * factor, at: column)
    } tail: { column in
      result[column] = row[column] * factor
    }
    result[target] = targetGradient
  }
}
