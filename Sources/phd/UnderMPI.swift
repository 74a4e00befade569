import Communication
import Foundation
import Training

/// Runs a command that works under mpirun. Every rank runs `body`; rank 0 prints errors that all ranks throw.
func underMPI(_ body: (Communicator) throws -> Void) throws {
  let communicator: Communicator
  do {
    try RunSetup.requireProcessor()
    communicator = try Communicator.initialize()
  } catch {
    Foundation.exit(ErrorReport.report(error, prints: Communicator.isToReport(error)))
  }
  do {
    try body(communicator)
    try communicator.finalize()
  } catch let error as CommunicationError {
    // Communication has failed. The rank that detects this prints the error and ends the job.
    ErrorReport.print(toStandardError: "phd: \(error)")
    communicator.abort(status: error.exitStatus)
  } catch {
    // Printed before any rank exits, because mpirun kills all ranks as soon as one has exited with an error.
    let status = ErrorReport.report(error, prints: communicator.isRoot)
    try communicator.finalize()
    Foundation.exit(status)
  }
}

/// Warns, on rank 0, if `mpirun` by its defaults binds ranks to too few processors. Collective.
///
/// - Parameter threads: threads per rank, if the user has chosen their number.
func warnOfBinding(threads: Int?, _ communicator: Communicator) throws {
  if let warning = try Binding.warning(threads: threads, communicator), communicator.isRoot {
    ErrorReport.warn(warning)
  }
}
