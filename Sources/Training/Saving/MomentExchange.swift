import Communication
import Kernels
import Transformer

/// Moments on their way between the ranks that keep them and rank 0, which reads and writes files: a tensor at a time.
struct MomentExchange {
  let state: TrainingState
  let communicator: Communicator
  /// Room for one tensor.
  private let tensor: Buffer

  init(_ state: TrainingState, _ communicator: Communicator) {
    self.state = state
    self.communicator = communicator
    tensor = Buffer(count: state.layout.tensors.map(\.range.count).max() ?? 0)
  }

  private var isSharded: Bool { state.owned != [0..<state.layout.count] }

  /// Calls `body` on rank 0 with each moment of each tensor. Collective.
  ///
  /// - Throws: on rank 0 what `body` throws, after all ranks have sent theirs; `CommunicationError`.
  func collect(
    _ body: (_ moment: TrainingState.Moment, _ tensor: ParameterTensor, UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    var failure: (any Error)?
    for tensor in state.layout.tensors {
      for moment in TrainingState.Moment.allCases {
        let floats = try collect(moment, tensor)
        guard communicator.isRoot, failure == nil else { continue }
        do { try body(moment, tensor, UnsafeBufferPointer(floats)) } catch { failure = error }
      }
    }
    if let failure { throw failure }
  }

  /// A tensor's moment, on rank 0.
  private func collect(
    _ moment: TrainingState.Moment, _ tensor: ParameterTensor
  ) throws -> UnsafeMutableBufferPointer<Float> {
    guard isSharded else { return state[moment][tensor.range] }
    for (range, moments) in state.ownedParts(of: tensor.range) {
      let own = state[moment][moments]
      if communicator.isRoot {
        _ = place(of: range, in: tensor).update(from: own)
      } else {
        try communicator.send(UnsafeBufferPointer(own), to: 0)
      }
    }
    guard communicator.isRoot else { return self.tensor[0..<0] }
    for rank in 1..<communicator.size {
      for share in TrainingState.shares(state.layout, rank: rank, ranks: communicator.size) {
        let part = share.clamped(to: tensor.range)
        if !part.isEmpty { try communicator.receive(place(of: part, in: tensor), from: rank) }
      }
    }
    return self.tensor[0..<tensor.range.count]
  }

  private func place(of range: Range<Int>, in tensor: ParameterTensor) -> UnsafeMutableBufferPointer<Float> {
    let start = range.lowerBound - tensor.range.lowerBound
    return self.tensor[start..<start + range.count]
  }

  /// Fills the moments with what `body` reads on rank 0; each rank keeps its own. Collective.
  ///
  /// - Throws: `AgreedError` with what `body` throws, on every rank; `CommunicationError`.
  func distribute(
    _ body: (_ moment: TrainingState.Moment, _ tensor: ParameterTensor, UnsafeMutableBufferPointer<Float>) throws ->
      Void
  ) throws {
    var failure: (any Error)?
    for tensor in state.layout.tensors {
      let floats = self.tensor[0..<tensor.range.count]
      for moment in TrainingState.Moment.allCases {
        if communicator.isRoot && failure == nil {
          do { try body(moment, tensor, floats) } catch { failure = error }
        }
        try communicator.broadcast(UnsafeMutableRawBufferPointer(floats))
        for (range, moments) in state.ownedParts(of: tensor.range) {
          _ = state[moment][moments].update(from: place(of: range, in: tensor))
        }
      }
    }
    try communicator.rootOnly { if let failure { throw failure } }
  }
}
