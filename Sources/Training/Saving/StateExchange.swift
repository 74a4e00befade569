import Communication
import Kernels
import Optimization
import Transformer

/// Moves optimizer state between the ranks that own it and rank 0, which reads and writes files, one tensor at a time.
package struct StateExchange {
  let state: TrainingState
  let communicator: Communicator
  /// The ranges that each rank updates; nil if every rank has all of the state.
  private let owned: [[Range<Int>]]?
  /// Scratch buffer for one tensor.
  private let tensor: Buffer

  package init(_ state: TrainingState, _ communicator: Communicator) {
    self.state = state
    self.communicator = communicator
    let isSharded = state.owned != [0..<state.layout.count]
    let ownership = ParameterOwnership(state.layout, state.optimizer, ranks: communicator.size)
    owned = isSharded ? (0..<communicator.size).map { ownership.updated(by: $0) } : nil
    tensor = Buffer(count: state.layout.tensors.map(\.range.count).max() ?? 0)
  }

  /// Calls `body` on rank 0 with the values of each slot of each tensor. Collective.
  ///
  /// - Throws: on rank 0 the error of `body`, after all ranks have sent their parts; `CommunicationError`.
  package func collect(
    _ body: (_ slot: StateSlot, _ tensor: ParameterTensor, UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    var failure: (any Error)?
    for (index, tensor) in state.layout.tensors.enumerated() {
      for (number, slot) in state.optimizer.slots(of: tensor).enumerated() {
        let floats = try collect(number, tensor, index)
        guard communicator.isRoot, failure == nil else { continue }
        do { try body(slot, tensor, UnsafeBufferPointer(floats)) } catch { failure = error }
      }
    }
    if let failure { throw failure }
  }

  /// The values of one of a tensor's slots, on rank 0.
  private func collect(
    _ slot: Int, _ tensor: ParameterTensor, _ index: Int
  ) throws -> UnsafeMutableBufferPointer<Float> {
    guard let owned else { return state.values(slot, of: state.ownedParts(of: index)[0], in: tensor) }
    for part in state.ownedParts(of: index) {
      let own = state.values(slot, of: part, in: tensor)
      if communicator.isRoot {
        _ = place(of: part.range, in: tensor).update(from: own)
      } else {
        try communicator.send(UnsafeBufferPointer(own), to: 0)
      }
    }
    guard communicator.isRoot else { return self.tensor[0..<0] }
    for rank in 1..<communicator.size {
      for range in owned[rank] {
        let part = range.clamped(to: tensor.range)
        if !part.isEmpty { try communicator.receive(place(of: part, in: tensor), from: rank) }
      }
    }
    return self.tensor[0..<tensor.range.count]
  }

  private func place(of range: Range<Int>, in tensor: ParameterTensor) -> UnsafeMutableBufferPointer<Float> {
    let start = range.lowerBound - tensor.range.lowerBound
    return self.tensor[start..<start + range.count]
  }

  /// Fills the state with the values that `body` reads on rank 0. Each rank keeps the parts that it owns. Collective.
  ///
  /// - Throws: `AgreedError` with the error of `body`, on every rank; `CommunicationError`.
  package func distribute(
    _ body: (_ slot: StateSlot, _ tensor: ParameterTensor, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    var failure: (any Error)?
    for (index, tensor) in state.layout.tensors.enumerated() {
      let floats = self.tensor[0..<tensor.range.count]
      for (number, slot) in state.optimizer.slots(of: tensor).enumerated() {
        if communicator.isRoot && failure == nil {
          do { try body(slot, tensor, floats) } catch { failure = error }
        }
        try communicator.broadcast(UnsafeMutableRawBufferPointer(floats))
        for part in state.ownedParts(of: index) {
          _ = state.values(number, of: part, in: tensor).update(from: place(of: part.range, in: tensor))
        }
      }
    }
    try communicator.rootOnly { if let failure { throw failure } }
  }
}
