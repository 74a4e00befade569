import Tensors

extension RotaryTable {
  /// target ← RoPE(x ⊙ weight · factor), one head of `headSize` at one position; without a weight, RoPE(x · factor).
  @inline(__always)
  func rotate(
    _ target: some MatrixRow, _ x: some MatrixRow, weight: UnsafePointer<Float>?, factor: Float, position: Int
  ) {
    if let weight {
      rotate(target, position: position) { column in
        x.vector(at: column) * weight.vector(at: column) * factor
      } element: { column in
        x[column] * weight[column] * factor
      }
    } else {
      rotate(target, position: position) { column in
        x.vector(at: column) * factor
      } element: { column in
        x[column] * factor
      }
    }
  }

  @inline(__always)
  private func rotate(
    _ target: some MatrixRow, position: Int, vector: (_ column: Int) -> Vector, element: (_ column: Int) -> Float
  ) {
    let half = headSize / 2
    let angles = row(position)
    overVectors(half) { column in
      let (low, high) = (vector(column), vector(half &+ column))
      let (cos, sin) = (angles.vector(at: column), angles.vector(at: half &+ column))
      target.store(low * cos - high * sin, at: column)
      target.store(high * cos + low * sin, at: half &+ column)
    } tail: { column in
      let (low, high) = (element(column), element(half &+ column))
      target[column] = low * angles[column] - high * angles[half &+ column]
      target[half &+ column] = high * angles[column] + low * angles[half &+ column]
    }
  }

  /// target ← x rotated by the opposite angles: the backward pass of the rotation alone, without weight and factor.
  @inline(__always)
  func rotateBack(_ target: some MatrixRow, _ x: UnsafePointer<Float>, position: Int) {
    let half = headSize / 2
    let angles = row(position)
    overVectors(half) { column in
      let (low, high) = (x.vector(at: column), x.vector(at: half &+ column))
      let (cos, sin) = (angles.vector(at: column), angles.vector(at: half &+ column))
      target.store(low * cos + high * sin, at: column)
      target.store(high * cos - low * sin, at: half &+ column)
    } tail: { column in
      let (low, high) = (x[column], x[half &+ column])
      target[column] = low * angles[column] + high * angles[half &+ column]
      target[half &+ column] = high * angles[column] - low * angles[half &+ column]
    }
  }
}
