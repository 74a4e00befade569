import Kernels
import Transformer

/// AdamW (arXiv 1711.05101): Adam with bias correction and decoupled weight decay.
public struct AdamWOptimizer: Optimizer {
  /// The running means of gradients and of squared gradients, with PyTorch's names.
  public static let slots = [StateSlot("exp_avg"), StateSlot("exp_avg_sq")]

  private let kernel: AdamW
  private let weightDecay: Double
  private let withoutDecay: Set<String>

  /// - Parameter withoutDecay: the names of tensors without weight decay.
  public init(beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, withoutDecay: Set<String>) {
    kernel = AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon)
    self.weightDecay = weightDecay
    self.withoutDecay = withoutDecay
  }

  public func slots(of tensor: ParameterTensor) -> [StateSlot] { AdamWOptimizer.slots }

  public func unit(of tensor: ParameterTensor) -> UpdateUnit { .elements }

  public func update(
    _ part: UpdatePart, of tensor: ParameterTensor, learningRate: Double, step: Int, scale: Float, leavesChange: Bool,
    on team: ThreadTeam
  ) {
    kernel.update(
      part.parameters, gradient: part.gradient, average: part.state[0], squareAverage: part.state[1], scale: scale,
      learningRate: learningRate, decay: withoutDecay.contains(tensor.name) ? 0 : weightDecay, step: step,
      leavesChange: leavesChange,
      on: team)
  }
}
