import Communication
import Kernels
import Optimization
import Transformer

/// Which rank reduces the gradient of each parameter and which rank updates it, with `optimizer.sharded` (ZeRO-1,
/// arXiv 1910.02054).
///
/// A rank reduces one range of each bucket; ranges end at granules. It updates the same range, except that an updated
/// range never ends inside a tensor that the optimizer updates as a whole. The rank that reduces the first element of
/// such a tensor updates all of it and receives the rest of its gradient from the other ranks.
struct ParameterOwnership: Sendable {
  private let layout: ParameterLayout
  private let ranks: Int
  /// The reduced range, by bucket and rank.
  private let reduced: [[Range<Int>]]
  private let updated: [[Range<Int>]]
  /// Whether any rank updates parameters whose gradient another rank reduces.
  let hasMoves: Bool

  init(_ layout: ParameterLayout, _ optimizer: any Optimizer, ranks: Int) {
    self.layout = layout
    self.ranks = ranks
    let whole = layout.tensors.filter { optimizer.unit(of: $0) == .tensor }.map(\.range)
    reduced = layout.buckets.map { bucket in
      (0..<ranks).map { GradientReduction.share(of: bucket, rank: $0, ranks: ranks) }
    }
    updated = reduced.map { shares in
      var start = shares.first?.lowerBound ?? 0
      return shares.map { share in
        let cut = whole.first { $0.lowerBound < share.upperBound && share.upperBound < $0.upperBound }
        let end = max(start, cut?.upperBound ?? share.upperBound)
        defer { start = end }
        return start..<end
      }
    }
    hasMoves = reduced != updated
  }

  /// The ranges whose gradient a rank reduces, ascending.
  func reduced(by rank: Int) -> [Range<Int>] { ascending(reduced, rank) }

  /// The ranges that a rank updates, ascending.
  func updated(by rank: Int) -> [Range<Int>] { ascending(updated, rank) }

  private func ascending(_ shares: [[Range<Int>]], _ rank: Int) -> [Range<Int>] {
    shares.map { $0[rank] }.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
  }

  /// Sends the parameters that each rank has updated to all other ranks. Collective.
  ///
  /// - Returns: the bytes that this rank has sent.
  /// - Throws: `CommunicationError`.
  func gather(_ parameters: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator) throws -> Int {
    try updated.reduce(0) { try $0 + communicator.allGather($1, in: parameters) }
  }

  /// Sends gradients from the ranks that reduced them to the ranks that update the parameters. Collective.
  ///
  /// - Returns: the bytes that this rank has sent.
  /// - Throws: `CommunicationError`.
  func moveToUpdaters(_ floats: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator) throws -> Int {
    try move(floats, from: reduced, to: updated, communicator)
  }

  /// Sends values from the ranks that update the parameters to the ranks that reduced their gradients. Collective.
  ///
  /// - Returns: the bytes that this rank has sent.
  /// - Throws: `CommunicationError`.
  func moveToReducers(_ floats: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator) throws -> Int {
    try move(floats, from: updated, to: reduced, communicator)
  }

  private func move(
    _ floats: UnsafeMutableBufferPointer<Float>, from sources: [[Range<Int>]], to targets: [[Range<Int>]],
    _ communicator: Communicator
  ) throws -> Int {
    guard hasMoves else { return 0 }
    var sent = 0
    // All ranks process the pairs in the same order, so they cannot deadlock.
    for (bucketSources, bucketTargets) in zip(sources, targets) {
      for (receiver, target) in bucketTargets.enumerated() {
        for (sender, source) in bucketSources.enumerated() where sender != receiver {
          let piece = source.clamped(to: target)
          if piece.isEmpty { continue }
          let part = UnsafeMutableBufferPointer(rebasing: floats[piece])
          if sender == communicator.rank {
            try communicator.send(UnsafeBufferPointer(part), to: receiver)
            sent += part.count * MemoryLayout<Float>.stride
          } else if receiver == communicator.rank {
            try communicator.receive(part, from: sender)
          }
        }
      }
    }
    return sent
  }
}
