import Tensors

/// The implementation of ``HeadLayoutKernel``, in extensions of ``HeadLayout``.
enum Heads: HeadLayoutKernel {
  static func scatter(_ layout: HeadLayout, _ rows: Matrix, into target: Matrix, on team: ThreadTeam) {
    layout.scatter(rows, into: target, on: team)
  }

  static func gather(
    _ layout: HeadLayout, _ source: UnsafeMutablePointer<Float>, into rows: Matrix, on team: ThreadTeam
  ) {
    layout.gather(source, into: rows, on: team)
  }

  static func normalizeRotateScatter(
    _ layout: HeadLayout, _ rows: Matrix, norm: HeadNorm?, rotary: RotaryTable, scale: Float, into target: Matrix,
    on team: ThreadTeam
  ) {
    layout.normalizeRotateScatter(rows, norm: norm, rotary: rotary, scale: scale, into: target, on: team)
  }

  static func gatherRotateNormalize(
    _ layout: HeadLayout, _ source: UnsafeMutablePointer<Float>, rows: Matrix, norm: HeadNorm?,
    weightGradient: UnsafeMutablePointer<Float>?, rotary: RotaryTable, into gradient: Matrix, sums: RowSums,
    on team: ThreadTeam
  ) {
    layout.gatherRotateNormalize(
      source, rows: rows, norm: norm, weightGradient: weightGradient, rotary: rotary, into: gradient, sums: sums,
      on: team)
  }
}
