import Communication
import Host

extension Threads {
  /// The processors that this process may use, shared out among the ranks of its node that may use the same ones, and
  /// the time that its control group has, shared out among all of them.
  ///
  /// A rank that its launcher bound to processors of its own uses just these. Collective.
  /// - Throws: `CommunicationError`.
  public static func perRank(_ communicator: Communicator) throws -> Int {
    let mine = "\(communicator.hostName) \(allowedProcessors)"
    let sharers = try communicator.allGather(mine).filter { $0 == mine }.count
    let ofTime = timeLimit.map { Int($0.rounded(.up)) / communicator.nodeSize } ?? .max
    return max(1, min(allowedProcessors.count / max(1, sharers), ofTime))
  }
}
