/// Products of large matrices, whose operands have the same type.
///
/// Sums are fp32; the result is fp32, or rounded once to bf16. An element's bits depend neither on its neighbours nor on
/// the number of threads.
public protocol MatrixProductKernel: Sendable {
  /// y ← x · wᵀ, the forward pass of a linear map; x [M, K], w [N, K], y [M, N].
  func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix)

  /// dx ← dy · w, plus dx if `accumulating`: the gradient of a linear map's input; dy [M, N], w [N, K], dx [M, K].
  func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool)

  /// dw ← dw + dyᵀ · x, the gradient of a linear map's weights; dy [M, N], x [M, K], dw [N, K].
  func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix)
}

/// Writes packed weights.
public protocol PackingKernel {
  /// The number of weights' rows of a panel of ``PackedMatrix``.
  static var panelRows: Int { get }

  /// Packed rows from `first` on ← the rows of an fp32 matrix.
  static func pack(_ source: Matrix, into packed: PackedMatrix, at first: Int)
}

/// y ← x · wᵀ for packed weights (``PackedMatrix``) and any number of rows of x.
public protocol PackedProductKernel: AnyObject {
  /// y ← x · wᵀ; x [M, K] fp32, rounded to w's type; w [N, K]; y [M, N] fp32.
  ///
  /// An element's bits depend neither on the other rows nor on the number of threads.
  func forward(_ y: Matrix, _ x: Matrix, _ w: PackedMatrix)
}
