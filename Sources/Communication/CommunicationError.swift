import COpenMPI
import Host

/// An MPI call that failed.
public struct CommunicationError: StatusCarrying, CustomStringConvertible, Equatable {
  /// The call, as MPI names it.
  public let operation: String
  /// MPI's return code; 0 where the error is not MPI's own.
  public let code: Int32
  /// What MPI says about the code.
  public let message: String

  public var exitStatus: ExitStatus { .inputOutput }

  public var description: String {
    code == 0 ? "\(operation): \(message)" : "\(operation) failed: \(message) (MPI error \(code))"
  }
}

/// The same error on every rank, thrown by all of them because at least one rank failed (`Communicator.agreed`).
public struct AgreedError: StatusCarrying, CustomStringConvertible, Equatable {
  /// The lowest rank that failed; its error is the one reported.
  public let rank: Int
  /// `String(describing:)` of that rank's error.
  public let message: String
  /// The status of that rank's error.
  public let exitStatus: ExitStatus

  /// An error as `Communicator.agreed` makes it.
  public init(rank: Int, message: String, exitStatus: ExitStatus) {
    self.rank = rank
    self.message = message
    self.exitStatus = exitStatus
  }

  public var description: String { message }
}

/// The one place where MPI's return codes are looked at.
///
/// - Throws: `CommunicationError` for every code but success.
@inline(__always)
func check(_ code: Int32, _ operation: StaticString) throws {
  guard code != mpiSuccess else { return }
  throw CommunicationError(operation: String(describing: operation), code: code, message: errorString(code))
}

private func errorString(_ code: Int32) -> String {
  mpiString(capacity: mpiMaximumErrorString) { MPI_Error_string(code, $0, $1) } ?? "unknown error"
}

/// A string that MPI writes into a buffer of `capacity` bytes; nil where the call fails.
func mpiString(
  capacity: Int32, _ write: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(capacity) + 1) { buffer in
    guard let base = buffer.baseAddress else { return nil }
    var length: Int32 = 0
    guard write(base, &length) == mpiSuccess else { return nil }
    return String(decoding: UnsafeRawBufferPointer(buffer)[..<Int(length)], as: UTF8.self)
  }
}
