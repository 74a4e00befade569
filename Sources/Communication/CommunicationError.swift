import COpenMPI
import Host

/// An MPI call that failed.
public struct CommunicationError: StatusCarrying, CustomStringConvertible, Equatable {
  /// The name of the MPI function.
  public let operation: String
  /// MPI's return code; 0 if the error is not from MPI.
  public let code: Int32
  /// MPI's message for the code.
  public let message: String

  public var exitStatus: ExitStatus { .inputOutput }

  public var description: String {
    code == 0 ? "\(operation): \(message)" : "\(operation) failed: \(message) (MPI error \(code))"
  }
}

/// The error that all ranks throw together if at least one rank failed (`Communicator.agreed`).
public struct AgreedError: StatusCarrying, CustomStringConvertible, Equatable {
  /// The lowest rank that failed; its error is the one reported.
  public let rank: Int
  /// `String(describing:)` of that rank's error.
  public let message: String
  /// The status of that rank's error.
  public let exitStatus: ExitStatus

  public init(rank: Int, message: String, exitStatus: ExitStatus) {
    self.rank = rank
    self.message = message
    self.exitStatus = exitStatus
  }

  public var description: String { message }
}

/// Checks the return code of an MPI call.
///
/// - Throws: `CommunicationError` for every code other than success.
@inline(__always)
func check(_ code: Int32, _ operation: StaticString) throws {
  guard code != mpiSuccess else { return }
  throw CommunicationError(operation: String(describing: operation), code: code, message: errorString(code))
}

private func errorString(_ code: Int32) -> String {
  mpiString(capacity: mpiMaximumErrorString) { MPI_Error_string(code, $0, $1) } ?? "unknown error"
}

/// Returns a string that MPI writes into a buffer of `capacity` bytes; nil if the call fails.
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
