import COpenMPI
import Host

// All ranks take the same branch. If one rank threw an error alone, the others would wait forever in their next
// collective.

extension Communicator {
  /// Runs `work` on every rank. If it succeeds on all ranks, each rank returns its own result; otherwise all ranks
  /// throw the same error, including those on which it succeeded.
  ///
  /// Collective; costs one small all-reduce. `work` may be collective itself if it does not fail on some ranks only
  /// while others wait in one of its collectives.
  ///
  /// - Throws: `AgreedError` with the message and exit status of the lowest rank that failed; `CommunicationError`.
  public func agreed<Result>(_ work: () throws -> Result) throws -> Result {
    var failure: (any Error)?
    var result: Result?
    do { result = try work() } catch { failure = error }

    let firstFailed = Int(try minimum(Int64(failure == nil ? size : rank)))
    guard firstFailed == size, let result else {
      throw try shared(failure, of: min(firstFailed, size - 1))
    }
    return result
  }

  /// Runs `work` on rank 0 while the other ranks wait. Throws its error on all ranks. Collective; costs one small
  /// broadcast.
  ///
  /// - Throws: `AgreedError`; `CommunicationError`.
  public func rootOnly(_ work: () throws -> Void) throws {
    _ = try bytesFromRoot {
      try work()
      return []
    }
  }

  /// Runs `work` on rank 0 while the other ranks wait. All ranks return its result or throw its error. Collective.
  ///
  /// - Throws: `AgreedError`; `CommunicationError`.
  public func agreedByRoot(_ work: () throws -> Bool) throws -> Bool {
    try bytesFromRoot { [try work() ? 1 : 0] } == [1]
  }

  /// Runs `work` on rank 0 while the other ranks wait. All ranks return its bytes or throw its error. Collective.
  ///
  /// - Throws: `AgreedError`; `CommunicationError`.
  public func bytesFromRoot(_ work: () throws -> [UInt8]) throws -> [UInt8] {
    var failure: (any Error)?
    var bytes: [UInt8] = []
    if isRoot {
      do { bytes = try work() } catch { failure = error }
    }
    let count = Int(try broadcast(Int64(failure == nil ? bytes.count : -1)))
    guard count >= 0 else { throw try shared(failure, of: 0) }
    if !isRoot { bytes = [UInt8](repeating: 0, count: count) }
    try bytes.withUnsafeMutableBytes { try broadcast($0) }
    return bytes
  }

  /// Broadcasts the error of rank `failedRank`. An `AgreedError` keeps the rank that it reports.
  private func shared(_ failure: (any Error)?, of failedRank: Int) throws -> AgreedError {
    var message = ""
    var status: Int32 = 0
    var origin = failedRank
    if rank == failedRank, let failure {
      message = String(describing: failure)
      status = ExitStatus.of(failure).rawValue
      origin = (failure as? AgreedError)?.rank ?? failedRank
    }
    let numbers = try broadcast(Int64(origin) << 32 | Int64(status), from: failedRank)
    message = try broadcast(message, from: failedRank)
    return AgreedError(
      rank: Int(numbers >> 32), message: message,
      exitStatus: ExitStatus(rawValue: Int32(truncatingIfNeeded: numbers)) ?? .brokenNumbers)
  }
}
