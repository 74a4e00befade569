import Communication
import RunFiles

extension Checkpoint {
  /// Writes the state as a whole, sealed file, on rank 0. Collective.
  ///
  /// - Throws: `StorageError.failed`, on rank 0 alone; `CommunicationError`.
  static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, _ communicator: Communicator
  ) throws {
    let exchange = StateExchange(state, communicator)
    guard communicator.isRoot else { return try exchange.collect { _, _, _ in } }
    var hasCollected = false
    do {
      try write(state.progress, state.layout, state.parameters, state.optimizer, origin, to: path) { write in
        hasCollected = true
        try exchange.collect(write)
      }
    } catch {
      // The others are sending: they must not wait for a file that will never be.
      if !hasCollected { try exchange.collect { _, _, _ in } }
      throw error
    }
  }

  /// Writes a state of all parameters as a whole, sealed file. Not collective.
  ///
  /// - Parameter goOn: called between tensors; what it throws ends the writing.
  /// - Throws: `StorageError.failed`; what `goOn` throws.
  static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, goOn: () throws -> Void
  ) throws {
    try write(state.progress, state.layout, state.parameters, state.optimizer, origin, to: path, goOn: goOn) { write in
      for (index, tensor) in state.layout.tensors.enumerated() {
        for (number, slot) in state.optimizer.slots(of: tensor).enumerated() {
          try goOn()
          let floats = state.values(number, of: state.ownedParts(of: index)[0], in: tensor)
          try write(slot, tensor, UnsafeBufferPointer(floats))
        }
      }
    }
  }
}
