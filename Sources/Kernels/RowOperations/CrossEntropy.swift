#if canImport(Glibc)
  import Glibc
#endif

/// −log p(target) of rows of logits, and the square of their logsumexp for the z-loss.
public enum CrossEntropy {
  /// Writes each row's loss, −log p(target), and its logsumexp, both in nats; logits [rows, V].
  ///
  /// Where there is a place for it, `gradient` [rows, V] ← that of Σ (loss + zWeight · logsumexp²) over the rows:
  /// softmax · (1 + 2 · zWeight · logsumexp) − onehot(target). The logits are then used up; an fp32 gradient may take
  /// their place. A row whose target is negative counts for nothing: its loss, logsumexp and gradient are zero.
  public static func rows(
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
        let sum = gradient == nil ? expSum(row, less: highest, count: width) : expInPlace(row, highest, count: width)
        // The row's own scale is kept apart from the sum's logarithm: their difference is exact where p is near 1.
        let logSum = log(sum)
        losses[index] = logSum - (targetLogit - highest)
        logSumExps[index] = highest + logSum
        if let gradient {
          let factor = (1 + 2 * zWeight * (highest + logSum)) / sum
          let ofTarget = row[target] * factor - 1
          switch gradient.type {
          case .fp32: scale(FloatRow(gradient, index), row, by: factor, count: width, target, ofTarget)
          case .bf16: scale(BF16Row(gradient, index), row, by: factor, count: width, target, ofTarget)
          }
        }
      }
    }
  }

  /// What one row's log-probabilities are less by than its logits, in two parts that are to be taken off one after the
  /// other: the highest logit, and the logarithm of the sum of exp(logit − highest).
  public static func logSumExp(_ row: UnsafeBufferPointer<Float>) -> (highest: Float, logSum: Float) {
    guard let first = row.baseAddress else { return (0, 0) }
    let highest = maximum(first, count: row.count)
    return (highest, log(expSum(first, less: highest, count: row.count)))
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

  static func expSum(_ row: UnsafePointer<Float>, less highest: Float, count: Int) -> Float {
    var sums = Vector.zero
    var sum: Float = 0
    overVectors(count) { column in
      sums += exp2((row.vector(at: column) - highest) * log2e)
    } tail: { column in
      sum += exp2((row[column] - highest) * log2e)
    }
    return sums.laneSum + sum
  }

  private static func expInPlace(_ row: UnsafeMutablePointer<Float>, _ highest: Float, count: Int) -> Float {
    var sums = Vector.zero
    var sum: Float = 0
    overVectors(count) { column in
      let value = exp2((row.vector(at: column) - highest) * log2e)
      row.store(value, at: column)
      sums += value
    } tail: { column in
      let value = exp2((row[column] - highest) * log2e)
      row[column] = value
      sum += value
    }
    return sums.laneSum + sum
  }

  /// result ← row · factor, but at `target` `ofTarget`.
  @inline(__always)
  private static func scale<Row: MatrixRow>(
    _ result: Row, _ row: UnsafePointer<Float>, by factor: Float, count: Int, _ target: Int, _ ofTarget: Float
  ) {
    overVectors(count) { column in
      result.store(row.vector(at: column) * factor, at: column)
    } tail: { column in
      result[column] = row[column] * factor
    }
    result[target] = ofTarget
  }
}
