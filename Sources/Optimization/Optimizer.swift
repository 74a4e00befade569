import Kernels
import Transformer

/// One number that an optimizer keeps for each element of a tensor, such as AdamW's running mean of gradients.
///
/// Memory, checkpoints, sharding and resume are derived from the slots. In a checkpoint a slot is the group
/// `/optimizer/<name>`, with a float32 dataset for each of its tensors.
public struct StateSlot: Hashable, Sendable {
  /// The group's name in a checkpoint: `exp_avg`.
  public let name: String

  public init(_ name: String) { self.name = name }

  /// The size of one element, in bytes.
  public static let bytesPerElement = MemoryLayout<Float>.stride
}

/// The smallest part of a tensor that an optimizer can update separately.
public enum UpdateUnit: Sendable {
  /// Any range of elements, because an element's update does not depend on other elements.
  case elements
  /// A whole tensor.
  case tensor
}

/// The part of one tensor that a call of ``Optimizer/update(_:of:learningRate:step:scale:leavesChange:on:)`` updates.
///
/// All buffers have the same number of elements.
public struct UpdatePart {
  public let parameters: UnsafeMutableBufferPointer<Float>
  /// The gradient, before scaling.
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

/// A rule that updates parameters from their gradients.
///
/// To add an optimizer, write a type in a file of this folder, add its keys to `OptimizerSection`, and a case to
/// `RunConfiguration.makeOptimizer()`.
public protocol Optimizer: Sendable {
  /// The slots that the optimizer keeps for a tensor; the same in every step.
  func slots(of tensor: ParameterTensor) -> [StateSlot]

  /// The smallest part of a tensor that can be updated separately. With `optimizer.sharded` each unit is updated by one
  /// rank.
  func unit(of tensor: ParameterTensor) -> UpdateUnit

  /// Bytes of memory that updates need on one rank in addition to parameters, gradients and slots.
  func workspaceBytes(_ layout: ParameterLayout) -> Int

  /// Updates a part of a tensor that consists of whole units.
  ///
  /// - Parameters:
  ///   - scale: the factor by which the gradient is multiplied.
  ///   - step: the number of updates of the run including this one, from 1.
  ///   - leavesChange: whether the gradient's buffer is overwritten with the change of each parameter.
  func update(
    _ part: UpdatePart, of tensor: ParameterTensor, learningRate: Double, step: Int, scale: Float, leavesChange: Bool,
    on team: ThreadTeam)
}

extension Optimizer {
  public func workspaceBytes(_ layout: ParameterLayout) -> Int { 0 }

  /// The distinct slots of all tensors of a model.
  public func slots(_ layout: ParameterLayout) -> [StateSlot] {
    var slots: [StateSlot] = []
    for tensor in layout.tensors {
      for slot in self.slots(of: tensor) where !slots.contains(slot) { slots.append(slot) }
    }
    return slots
  }

  /// The number of elements of all slots of a model's tensors.
  public func stateElements(_ layout: ParameterLayout) -> Int {
    layout.tensors.reduce(0) { $0 + $1.range.count * slots(of: $1).count }
  }
}
