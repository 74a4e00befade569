/// Moves rows of a projection to head-major order, and back: see ``HeadLayout``.
///
/// Both may be bf16. Gradients in head-major order are fp32.
public protocol HeadLayoutKernel {
  /// target ← rows, in head-major order; zero between e and padded e.
  static func scatter(_ layout: HeadLayout, _ rows: Matrix, into target: Matrix, on team: ThreadTeam)

  /// rows ← source, which is in head-major order: the inverse of ``scatter(_:_:into:on:)``.
  static func gather(
    _ layout: HeadLayout, _ source: UnsafeMutablePointer<Float>, into rows: Matrix, on team: ThreadTeam)

  /// target ← scale · RoPE(RMSNorm(rows)), in head-major order; without a norm, scale · RoPE(rows).
  static func normalizeRotateScatter(
    _ layout: HeadLayout, _ rows: Matrix, norm: HeadNorm?, rotary: RotaryTable, scale: Float, into target: Matrix,
    on team: ThreadTeam)

  /// The backward pass of ``normalizeRotateScatter(_:_:norm:rotary:scale:into:on:)``.
  ///
  /// - Parameters:
  ///   - source: the gradient with respect to the rotated, unscaled queries or keys, in head-major order.
  ///   - rows: the forward's input.
  ///   - weightGradient: the gradient of the norm's weight is added to it; nil if and only if `norm` is nil.
  ///   - gradient: ← the gradient of `rows`.
  static func gatherRotateNormalize(
    _ layout: HeadLayout, _ source: UnsafeMutablePointer<Float>, rows: Matrix, norm: HeadNorm?,
    weightGradient: UnsafeMutablePointer<Float>?, rotary: RotaryTable, into gradient: Matrix, sums: RowSums,
    on team: ThreadTeam)
}

/// Moves rows of a projection to cached attention's queries and keys. Rows may be of any positions, in any order.
public protocol HeadRowsKernel {
  /// queries[kv head][row][query head of the kv head][padded e] ← scale · RoPE(RMSNorm(rows)), with
  /// ``HeadShape/queryScale``; without a norm, scale · RoPE(rows).
  ///
  /// - Parameters:
  ///   - queries: [order.count · query heads, padded e], fp32 or bf16, contiguous.
  ///   - rows: fp32, [rows, query heads · e].
  ///   - order: for each row of `queries`, its row in `rows`.
  ///   - positions: for each row of `queries`, its position.
  static func queries(
    _ queries: Matrix, _ rows: Matrix, order: [Int32], positions: [Int32], norm: HeadNorm?, rotary: RotaryTable,
    heads: HeadShape, on team: ThreadTeam)

  /// Writes each row's RoPE(RMSNorm(keys)), without a norm RoPE(keys), and its values to the row's slot of its store.
  ///
  /// - Parameters:
  ///   - rows: fp32, [rows, 2 · kv heads · e], keys and then values.
  ///   - stores, slots, positions: of each row.
  static func store(
    _ rows: Matrix, stores: [KeyStore], slots: [Int32], positions: [Int32], norm: HeadNorm?, rotary: RotaryTable,
    heads: HeadShape, on team: ThreadTeam)
}
