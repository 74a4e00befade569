import Tensors

/// Products of large matrices by the kernel set of this process, or, for bf16 with the set `amx`, by oneDNN.
///
/// Both operands have the same type. Sums are fp32; the result is fp32, or rounded once to bf16. No bit depends on the
/// number of threads.
public struct MatrixProduct: Sendable {
  let team: ThreadTeam
  /// Type of the operands.
  let type: ElementType
  private let own: any MatrixProductKernel
  private let library: LibraryProduct?

  /// - Parameter type: of the operands.
  public init(of type: ElementType, on team: ThreadTeam) {
    self.init(of: type, on: team, kernels, byLibrary: type == .bf16 && KernelChoice.current == .amx)
  }

  /// - Parameter byLibrary: whether oneDNN multiplies.
  init(of type: ElementType, on team: ThreadTeam, _ kernels: any KernelSet, byLibrary: Bool) {
    self.team = team
    self.type = type
    own = kernels.matrixProduct(on: team)
    library = byLibrary ? LibraryProduct(on: team) : nil
  }

  /// y ← x · wᵀ, the forward pass of a linear map; x [M, K], w [N, K], y [M, N].
  ///
  /// Rows of other segments of `segment` rows change no bit of a segment.
  public func forward(_ y: Matrix, _ x: Matrix, _ w: Matrix, segment: Int) {
    if let library { return library.forward(y, x, w, segment: segment) }
    own.forward(y, x, w)
  }

  /// dx ← dy · w, plus dx if `accumulating`: the gradient of a linear map's input; dy [M, N], w [N, K], dx [M, K].
  public func inputGradient(_ dx: Matrix, _ dy: Matrix, _ w: Matrix, accumulating: Bool = false, segment: Int) {
    if let library { return library.inputGradient(dx, dy, w, accumulating: accumulating, segment: segment) }
    own.inputGradient(dx, dy, w, accumulating: accumulating)
  }

  /// dw ← dw + dyᵀ · x, the gradient of a linear map's weights; dy [M, N], x [M, K], dw [N, K].
  ///
  /// Never by the library: the operands have gaps between rows, for which oneDNN allocates memory in every call.
  public func weightGradient(_ dw: Matrix, _ dy: Matrix, _ x: Matrix) { own.weightGradient(dw, dy, x) }
}
