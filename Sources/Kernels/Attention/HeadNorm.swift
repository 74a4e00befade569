/// The norm over all heads of a row together that precedes their rotation (QK norm).
public struct HeadNorm {
  /// [columns].
  public let weight: UnsafeMutablePointer<Float>
  public let epsilon: Float

  public init(weight: UnsafeMutablePointer<Float>, epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// 1 / RMS of a row.
  @inline(__always)
  func scale(of row: some MatrixRow, count: Int) -> Float {
    RMSNorm.inverseRMS(row, count: count, epsilon: epsilon)
  }
}

/// The step from a projection's row to rotated heads: scale · RoPE(RMSNorm(row)), or scale · RoPE(row) without a norm.
struct HeadRotation {
  let norm: HeadNorm?
  let rotary: RotaryTable
  let scale: Float

  /// What all heads of a row are multiplied by, in addition to the norm's weight.
  ///
  /// - Parameter columns: of the row's heads together.
  @inline(__always)
  func factor(of row: some MatrixRow, columns: Int) -> Float {
    norm.map { scale * $0.scale(of: row, count: columns) } ?? scale
  }

  /// target [e] ← head `head` of `row`, rotated by its position.
  @inline(__always)
  func write(_ target: some MatrixRow, head: Int, of row: some MatrixRow, factor: Float, position: Int) {
    let first = head &* rotary.headSize
    rotary.rotate(
      target, row.advanced(by: first), weight: norm.map { UnsafePointer($0.weight + first) }, factor: factor,
      position: position)
  }
}

/// Attention's order of heads, [kv head][row][head of the kv head][padded e].
struct HeadOrder {
  /// Query heads that read one kv head, or 1 for keys and values.
  let headsPerKey: Int
  /// Rows of one kv head.
  let rows: Int
  let paddedHeadSize: Int

  /// Elements from the start to a row's heads of kv head 0.
  @inline(__always)
  func offset(row: Int) -> Int { row &* headsPerKey &* paddedHeadSize }

  /// Elements from a row's heads of kv head 0 to one of its heads.
  @inline(__always)
  func offset(head: Int) -> Int {
    (head / headsPerKey) &* (rows &* headsPerKey &* paddedHeadSize) &+ (head % headsPerKey) &* paddedHeadSize
  }
}
