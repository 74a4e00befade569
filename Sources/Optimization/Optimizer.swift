import Kernels
import Transformer

/// One number that an optimizer keeps for each element of a tensor, such as AdamW's running mean of gradients.
///
/// Memory, checkpoints, sharding and resume follow from the slots: a slot is the group `/optimizer/<name>` of a checkpoint,
/// float32, with a dataset for each of its tensors.
public struct StateSlot: Hashable, Sendable {
  /// The group's name in a checkpoint: `exp_avg`.
  public let name: String

  public init(_ name: String) { self.name = name }

  /// Bytes of one element.
  public static let bytesPerElement = MemoryLayout<Float>.stride
}

/// What an optimizer must update at once.
public enum UpdateUnit: Sendable {
  /// Any range of elements: an element's update depends on nothing else.
  case elements
  /// A whole tensor.
  case tensor
}

/// The part of one tensor that a call of ``Optimizer/update(_:of:learningRate:step:scale:leavesChange:on:)`` updates.
///
/// All buffers have as many elements.
public struct UpdatePart {
  public let parameters: UnsafeMutableBufferPointer<Float>
  /// The gradient before it is scaled.
  public let gradient: UnsafeMutableBufferPointer<Float>
  /// The values of the tensor's slots, in the order of ``Optimizer/slots(of:)``.
  public let state: [UnsafeMutableBufferPointer<Float>]

  public init(
    parameters: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>,
    state: [UnsafeMutableBufferPointer<Float>]
  ) {
    self.parameters = parameters
    self.gradient = gradient
    self.state = state
  }
}

/// A rule that changes parameters from their gradients.
///
/// To add one: a type in a file of this folder, its keys in `OptimizerSection`, and a case in
/// `RunConfiguration.makeOptimizer()`.
public protocol Optimizer: Sendable {
  /// The state that it keeps for a tensor; the same in every step.
  func slots(of tensor: ParameterTensor) -> [StateSlot]

  /// What of a tensor must be updated at once. With `optimizer.sharded` a unit belongs to one rank.
  func unit(of tensor: ParameterTensor) -> UpdateUnit

  /// Bytes that updates take on one rank in addition to parameters, gradients and slots.
  func workspaceBytes(_ layout: ParameterLayout) -> Int

  /// Updates a part of a tensor that consists of whole units.
  ///
  /// - Parameters:
  ///   - scale: the gradient counts multiplied by it.
  ///   - step: updates of the run, this one included: 1 or more.
  ///   - leavesChange: whether the gradient's place is left with the change of each parameter.
  func update(
    _ part: UpdatePart, of tensor: ParameterTensor, learningRate: Double, step: Int, scale: Float, leavesChange: Bool,
    on team: ThreadTeam)
}

extension Optimizer {
  public func workspaceBytes(_ layout: ParameterLayout) -> Int { 0 }

  /// All slots of a model's tensors, each once.
  public func slots(_ layout: ParameterLayout) -> [StateSlot] {
    var slots: [StateSlot] = []
    for tensor in layout.tensors {
      for slot in self.slots(of: tensor) where !slots.contains(slot) { slots.append(slot) }
    }
    return slots
  }

  /// Elements of all slots of a model's tensors together.
  public func stateElements(_ layout: ParameterLayout) -> Int {
    layout.tensors.reduce(0) { $0 + $1.range.count * slots(of: $1).count }
  }
}
