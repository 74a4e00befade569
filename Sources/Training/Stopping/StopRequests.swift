import Communication
import Foundation

/// What the ranks were asked to do by signals and by the clock, told to all of them.
final class StopRequests {
  private let signals: SignalWatch
  private let communicator: Communicator
  /// Shared and not yet taken care of; the same on every rank.
  private(set) var pending: SignalWatch.Requests = []
  /// When the ranks last agreed to save for a SIGUSR1 that this rank had not heard, in the signals' time; 0 for never.
  private var savedForOthers: UInt64 = 0

  /// Seconds within which one SIGUSR1 reaches all ranks.
  private static let spread = 2.0

  init(_ signals: SignalWatch, _ communicator: Communicator) {
    self.signals = signals
    self.communicator = communicator
  }

  /// Asks all ranks what they were asked for since. Collective.
  ///
  /// - Parameter own: what rank 0's clock asks for.
  /// - Throws: `CommunicationError`.
  func share(_ own: SignalWatch.Requests) throws {
    var mine = signals.take()
    // The same SIGUSR1 as the one that the others saved for, heard a step later.
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

  /// Whether a checkpoint was asked for; it no longer is.
  func takeSave() -> Bool { pending.remove(.save) != nil }
}
