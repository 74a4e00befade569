import Kernels
import Optimization
import RunFiles
import Transformer

/// All weights, and the optimizer state of the parameters that this rank updates, in flat buffers.
public struct TrainingState: Sendable {
  /// The part of one tensor that this rank updates.
  struct OwnedPart: Sendable {
    /// The range among all parameters.
    let range: Range<Int>
    /// The start of the part in the buffer of each of the tensor's slots.
    fileprivate let starts: [Int]
  }

  public let layout: ParameterLayout
  public let parameters: Buffer
  let optimizer: any Optimizer
  /// Ascending ranges of the parameters that this rank updates; all parameters unless the state is sharded.
  public let owned: [Range<Int>]
  public var progress = RunProgress()

  /// Each slot's values for the owned parameters that have the slot, in ascending order.
  private let values: [StateSlot: Buffer]
  /// The owned parts of each tensor.
  private let parts: [[OwnedPart]]

  /// - Parameter owned: ascending ranges of the parameters that this rank updates; nil for all.
  public init(_ layout: ParameterLayout, _ optimizer: any Optimizer, owned: [Range<Int>]? = nil) {
    let owned = owned ?? [0..<layout.count]
    precondition(zip(owned, owned.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "the ranges overlap")
    self.layout = layout
    self.optimizer = optimizer
    self.owned = owned
    var ends: [StateSlot: Int] = [:]
    parts = layout.tensors.map { tensor in
      owned.map { $0.clamped(to: tensor.range) }.filter { !$0.isEmpty }.map { range in
        let starts = optimizer.slots(of: tensor).map { slot in
          let start = ends[slot, default: 0]
          ends[slot] = start + range.count
          return start
        }
        return OwnedPart(range: range, starts: starts)
      }
    }
    parameters = Buffer(count: layout.count)
    values = ends.mapValues { Buffer(count: $0) }
  }

  /// Bytes of weights and optimizer state.
  public var bytes: Int { 4 * (parameters.count + values.values.reduce(0) { $0 + $1.count }) }

  /// The number of optimizer state elements for ascending ranges of parameters.
  static func stateElements(_ layout: ParameterLayout, _ optimizer: any Optimizer, owned: [Range<Int>]) -> Int {
    layout.tensors.reduce(0) { sum, tensor in
      sum + optimizer.slots(of: tensor).count * owned.reduce(0) { $0 + $1.clamped(to: tensor.range).count }
    }
  }

  /// The parts of a tensor that this rank updates.
  ///
  /// - Parameter tensor: index in the layout.
  func ownedParts(of tensor: Int) -> [OwnedPart] { parts[tensor] }

  /// The values of one of a tensor's slots for a part of the tensor.
  ///
  /// - Parameter slot: index in `optimizer.slots(of: tensor)`.
  func values(_ slot: Int, of part: OwnedPart, in tensor: ParameterTensor) -> UnsafeMutableBufferPointer<Float> {
    guard let buffer = values[optimizer.slots(of: tensor)[slot]] else {
      preconditionFailure("\(tensor.name) has no state")
    }
    return buffer[part.starts[slot]..<part.starts[slot] + part.range.count]
  }

  /// The owned values of each slot of each tensor, in order.
  package var stateOfTensors: [UnsafeMutableBufferPointer<Float>] {
    layout.tensors.enumerated().flatMap { index, tensor in
      optimizer.slots(of: tensor).indices.flatMap { slot in parts[index].map { values(slot, of: $0, in: tensor) } }
    }
  }

  /// The parts that a step updates on this rank, tensor by tensor.
  func updateParts(gradients: Buffer) -> [(tensor: ParameterTensor, part: UpdatePart)] {
    layout.tensors.enumerated().flatMap { index, tensor in
      parts[index].map { part in
        let state = part.starts.indices.map { values($0, of: part, in: tensor) }
        return (tensor, UpdatePart(parameters: parameters[part.range], gradient: gradients[part.range], state: state))
      }
    }
  }
}
