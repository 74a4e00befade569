import Communication
import Kernels
import Transformer

/// Weights and moments in flat buffers: all weights, and the moments of those that this rank updates.
public struct TrainingState: Sendable {
  /// One of AdamW's moments.
  public enum Moment: String, CaseIterable, Sendable {
    /// The running average of gradients.
    case average = "exp_avg"
    /// The running average of squared gradients.
    case squareAverage = "exp_avg_sq"
  }

  public let layout: ParameterLayout
  public let parameters: Buffer
  /// The parameters that this rank updates, ascending; they are all where the state is not sharded.
  public let owned: [Range<Int>]
  /// Updates done.
  public var step = 0
  /// Samples seen.
  public var samples = 0
  /// Target tokens seen.
  public var tokens = 0

  /// Of the owned parameters, one range after another.
  private let average: Buffer
  private let squareAverage: Buffer
  /// Where each owned range's moments start.
  private let starts: [Int]

  /// - Parameter owned: ascending ranges of the parameters; nil for all.
  public init(_ layout: ParameterLayout, owned: [Range<Int>]? = nil) {
    let owned = owned ?? [0..<layout.count]
    precondition(zip(owned, owned.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "ranges that overlap")
    self.layout = layout
    self.owned = owned
    var (starts, end) = ([Int](), 0)
    for range in owned {
      starts.append(end)
      end += range.count
    }
    self.starts = starts
    parameters = Buffer(count: layout.count)
    average = Buffer(count: end)
    squareAverage = Buffer(count: end)
  }

  /// Bytes of weights and moments.
  public var bytes: Int { 4 * (parameters.count + average.count + squareAverage.count) }

  /// The parts of a range of the parameters that this rank updates, and where their moments are.
  func ownedParts(of range: Range<Int>) -> [(range: Range<Int>, moments: Range<Int>)] {
    zip(owned, starts).compactMap { owned, start in
      let part = owned.clamped(to: range)
      guard !part.isEmpty else { return nil }
      let first = start + part.lowerBound - owned.lowerBound
      return (part, first..<first + part.count)
    }
  }

  subscript(moment: Moment) -> Buffer {
    switch moment {
    case .average: average
    case .squareAverage: squareAverage
    }
  }
}

extension TrainingState {
  /// What each rank updates of the parameters: of every bucket a share.
  static func shares(_ layout: ParameterLayout, rank: Int, ranks: Int) -> [Range<Int>] {
    layout.buckets.map { GradientReduction.share(of: $0, rank: rank, ranks: ranks) }.filter { !$0.isEmpty }
      .sorted { $0.lowerBound < $1.lowerBound }
  }
}

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
