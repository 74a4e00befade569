import Communication
import Host

extension Threads {
  /// The threads of this rank: its processors divided by the number of ranks that may use the same ones, and at most
  /// its share of the control group's processor time. Collective.
  ///
  /// A rank that its launcher bound to its own processors uses exactly those.
  /// - Throws: `CommunicationError`.
  public static func perRank(_ communicator: Communicator) throws -> Int {
    let mine = "\(communicator.hostName) \(allowedProcessors)"
    let sharers = try communicator.allGather(mine).filter { $0 == mine }.count
    let ofTime = timeLimit.map { Int($0.rounded(.up)) / communicator.nodeSize } ?? .max
    return max(1, min(allowedProcessors.count / max(1, sharers), ofTime))
  }
}
