import Communication
import Foundation

/// Shares the requests of signals and of the clock among all ranks.
final class StopRequests {
  private let signals: SignalWatch
  private let communicator: Communicator
  /// Requests not yet handled, the same on every rank.
  private(set) var pending: SignalWatch.Requests = []
  /// When the ranks last saved for a SIGUSR1 that this rank had not yet received, in `SignalWatch.now`; 0 for never.
  private var savedForOthers: UInt64 = 0

  /// Seconds within which a forwarded SIGUSR1 reaches all ranks.
  private static let spread = 2.0

  init(_ signals: SignalWatch, _ communicator: Communicator) {
    self.signals = signals
    self.communicator = communicator
  }

  /// Combines the new requests of all ranks. Collective.
  ///
  /// - Parameter own: the requests of rank 0's clock.
  /// - Throws: `CommunicationError`.
  func share(_ own: SignalWatch.Requests) throws {
    var mine = signals.take()
    // The same SIGUSR1 that the other ranks have already saved for, received a step later.
    if mine.contains(.save), savedForOthers > 0,
      signals.saveWasRequested(within: StopRequests.spread, of: savedForOthers)
    {
      mine.remove(.save)
      savedForOthers = 0
    }
    let shared = SignalWatch.Requests(rawValue: try communicator.bitwiseOr(mine.union(own).rawValue))
    if shared.contains(.save) && !mine.contains(.save) { savedForOthers = SignalWatch.now }
    pending.formUnion(shared)
  }

  /// Whether a checkpoint was requested. Clears the request.
  func takeSave() -> Bool { pending.remove(.save) != nil }
}
