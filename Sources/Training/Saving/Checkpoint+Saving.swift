import Communication
import RunFiles

extension Checkpoint {
  /// Writes the state as a whole, sealed file, on rank 0. Collective.
  ///
  /// - Throws: `StorageError.failed`, on rank 0 only; `CommunicationError`.
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
      // Receive what the other ranks send, or they would wait forever.
      if !hasCollected { try exchange.collect { _, _, _ in } }
      throw error
    }
  }

  /// Writes a state that is not sharded as a whole, sealed file. Not collective.
  ///
  /// - Parameter checkCancellation: called between tensors; an error that it throws ends the writing.
  /// - Throws: `StorageError.failed`; what `checkCancellation` throws.
  static func write(
    _ state: TrainingState, _ origin: Origin, to path: String, checkCancellation: () throws -> Void
  ) throws {
    try write(
      state.progress, state.layout, state.parameters, state.optimizer, origin, to: path,
      checkCancellation: checkCancellation
    ) { write in
      for (index, tensor) in state.layout.tensors.enumerated() {
        for (number, slot) in state.optimizer.slots(of: tensor).enumerated() {
          try checkCancellation()
          let floats = state.values(number, of: state.ownedParts(of: index)[0], in: tensor)
          try write(slot, tensor, UnsafeBufferPointer(floats))
        }
      }
    }
  }
}
